// Real children behind the monitor's and the listener's walls: each call works, fails or ends them,
// as the tables say.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <span>
#include <string>

#include "common/sanitized.h"
#include "common/syscall_filter.h"
#include "monitor/listener_sandbox.h"
#include "monitor/monitor_syscalls.h"

namespace ssh2incus {
namespace {

// What a child leaves in memory that it shares with the test, since its filter may forbid more.
struct Outcome {
  long refused = -1;  // the number of the call that ended it
  long error = -1;    // of the call that came back
};
Outcome* shared_outcome() {
  static void* const memory =
      mmap(nullptr, sizeof(Outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return static_cast<Outcome*>(memory);
}

struct Attempt {
  const char* name;
  long (*make)();
  long expected;  // the refused call's number, or the error of one that comes back
};

using EnterSandbox = Status (*)();

Status enter_as_monitor() { return apply_syscall_filter(kMonitorSyscalls); }
template <bool kKeyCommand, bool kPasswords>
Status enter_as_listener() {
  return enter_listener_sandbox(kKeyCommand, kPasswords);
}

std::string tried(EnterSandbox enter, const Attempt& attempt) {
  *shared_outcome() = Outcome{};
  const pid_t child = fork();
  if (child == 0) {
    report_refused_syscalls([](int number) { shared_outcome()->refused = number; });
    if (!enter().ok()) _exit(99);
    const long result = attempt.make();
    shared_outcome()->error = result == -1 ? errno : 0;
    syscall(SYS_exit_group, 0);  // past the sanitizers, which do more at an exit
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return "no child";
  const Outcome outcome = *shared_outcome();
  if (WIFSIGNALED(status)) {
    return "signal " + std::to_string(WTERMSIG(status)) + " of call " +
           std::to_string(outcome.refused);
  }
  if (WEXITSTATUS(status) != 0) return "exit status " + std::to_string(WEXITSTATUS(status));
  return "errno " + std::to_string(outcome.error);
}

void expect_refused(EnterSandbox enter, std::span<const Attempt> attempts) {
  for (const Attempt& attempt : attempts) {
    EXPECT_EQ(tried(enter, attempt),
              "signal " + std::to_string(SIGSYS) + " of call " + std::to_string(attempt.expected))
        << attempt.name;
  }
}
void expect_errors(EnterSandbox enter, std::span<const Attempt> attempts) {
  for (const Attempt& attempt : attempts) {
    EXPECT_EQ(tried(enter, attempt), "errno " + std::to_string(attempt.expected)) << attempt.name;
  }
}

// Neither the monitor nor the listener nor anything below them.
const Attempt kForbiddenToBoth[] = {
    {"ptrace", [] { return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }, SYS_ptrace},
    {"process_vm_readv", [] { return syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0); },
     SYS_process_vm_readv},
    {"process_vm_writev", [] { return syscall(SYS_process_vm_writev, 1, 0, 0, 0, 0, 0); },
     SYS_process_vm_writev},
    {"pidfd_getfd", [] { return syscall(SYS_pidfd_getfd, -1, 0, 0); }, SYS_pidfd_getfd},
    {"mount", [] { return syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, 0); }, SYS_mount},
    {"fsopen", [] { return syscall(SYS_fsopen, "tmpfs", 0); }, SYS_fsopen},
    {"pivot_root", [] { return syscall(SYS_pivot_root, "/", "/"); }, SYS_pivot_root},
    {"unshare", [] { return syscall(SYS_unshare, CLONE_NEWUSER); }, SYS_unshare},
    {"setns", [] { return syscall(SYS_setns, -1, 0); }, SYS_setns},
    {"clone into a namespace",
     [] { return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }, SYS_clone},
    {"bpf", [] { return syscall(SYS_bpf, 0, 0, 0); }, SYS_bpf},
    {"perf_event_open", [] { return syscall(SYS_perf_event_open, 0, 0, 0, 0, 0); },
     SYS_perf_event_open},
    {"init_module", [] { return syscall(SYS_init_module, 0, 0, ""); }, SYS_init_module},
    {"finit_module", [] { return syscall(SYS_finit_module, -1, "", 0); }, SYS_finit_module},
    {"kexec_load", [] { return syscall(SYS_kexec_load, 0, 0, 0, 0); }, SYS_kexec_load},
    {"userfaultfd", [] { return syscall(SYS_userfaultfd, 0); }, SYS_userfaultfd},
    {"settimeofday", [] { return syscall(SYS_settimeofday, 0, 0); }, SYS_settimeofday},
    {"reboot", [] { return syscall(SYS_reboot, 0, 0, 0, 0); }, SYS_reboot},
    {"packet socket", [] { return syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0); }, SYS_socket},
    {"listen", [] { return syscall(SYS_listen, -1, 1); }, SYS_listen},
    {"chown", [] { return syscall(SYS_chown, "/nonexistent", 0, 0); }, SYS_chown},
};

const Attempt kForbiddenToTheMonitor[] = {
    {"local socket", [] { return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0); }, SYS_socket},
    {"internet socket", [] { return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }, SYS_socket},
    {"socketpair", [] { return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 0); },
     SYS_socketpair},
    {"connect", [] { return syscall(SYS_connect, -1, 0, 0); }, SYS_connect},
    {"bind", [] { return syscall(SYS_bind, -1, 0, 0); }, SYS_bind},
    {"accept4", [] { return syscall(SYS_accept4, -1, 0, 0, 0); }, SYS_accept4},
    {"open", [] { return syscall(SYS_open, "/dev/null", O_RDONLY); }, SYS_open},
    {"openat", [] { return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY); }, SYS_openat},
    {"openat2", [] { return syscall(SYS_openat2, AT_FDCWD, "/dev/null", 0, 0); }, SYS_openat2},
    {"memfd_create", [] { return syscall(SYS_memfd_create, "x", 0); }, SYS_memfd_create},
    {"read", [] { return syscall(SYS_read, -1, 0, 0); }, SYS_read},
    {"fcntl", [] { return syscall(SYS_fcntl, -1, F_GETFD); }, SYS_fcntl},
    {"ioctl", [] { return syscall(SYS_ioctl, -1, 0, 0); }, SYS_ioctl},
    {"unlink", [] { return syscall(SYS_unlink, "/nonexistent"); }, SYS_unlink},
    {"chroot", [] { return syscall(SYS_chroot, "/nonexistent"); }, SYS_chroot},
    {"fork", [] { return syscall(SYS_fork); }, SYS_fork},
    {"vfork", [] { return syscall(SYS_vfork); }, SYS_vfork},
    {"clone", [] { return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }, SYS_clone},
    {"clone3", [] { return syscall(SYS_clone3, 0, 0); }, SYS_clone3},
    {"execve", [] { return syscall(SYS_execve, "/nonexistent", 0, 0); }, SYS_execve},
    {"execveat", [] { return syscall(SYS_execveat, -1, "", 0, 0, AT_EMPTY_PATH); }, SYS_execveat},
    {"executable mmap",
     [] {
       return syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
     },
     SYS_mmap},
    {"executable mprotect", [] { return syscall(SYS_mprotect, 0, 4096, PROT_READ | PROT_EXEC); },
     SYS_mprotect},
    {"setuid", [] { return syscall(SYS_setuid, 0); }, SYS_setuid},
    {"capset", [] { return syscall(SYS_capset, 0, 0); }, SYS_capset},
    {"prctl", [] { return syscall(SYS_prctl, 0, 0, 0, 0, 0); }, SYS_prctl},
    {"prlimit64", [] { return syscall(SYS_prlimit64, 0, 0, 0, 0); }, SYS_prlimit64},
    {"seccomp", [] { return syscall(SYS_seccomp, 0, 0, 0); }, SYS_seccomp},
    {"rt_sigaction", [] { return syscall(SYS_rt_sigaction, SIGSYS, 0, 0, 8); }, SYS_rt_sigaction},
    {"keyctl", [] { return syscall(SYS_keyctl, 0, 0, 0, 0, 0); }, SYS_keyctl},
    {"io_uring_setup", [] { return syscall(SYS_io_uring_setup, 0, 0); }, SYS_io_uring_setup},
};

// One that is let through meets the kernel's own objections.
const Attempt kAllowedToTheMonitor[] = {
    {"recvmsg", [] { return syscall(SYS_recvmsg, -1, 0, 0); }, EBADF},
    {"sendmsg", [] { return syscall(SYS_sendmsg, -1, 0, 0); }, EBADF},
    {"poll", [] { return syscall(SYS_poll, 0, 0, 0); }, 0},
    {"write", [] { return syscall(SYS_write, -1, "x", 1); }, EBADF},
    {"close", [] { return syscall(SYS_close, -1); }, EBADF},
    {"mmap",
     [] {
       return syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                      0);
     },
     0},
    {"mprotect", [] { return syscall(SYS_mprotect, 1, 4096, PROT_READ); }, EINVAL},
    {"getrandom", [] { return syscall(SYS_getrandom, 0, 0, 0); }, 0},
    {"getpid", [] { return syscall(SYS_getpid); }, 0},
    {"kill", [] { return syscall(SYS_kill, 0, 0); }, 0},
    {"wait4", [] { return syscall(SYS_wait4, -1, 0, 0, 0); }, ECHILD},
};

const Attempt kAllowedToTheListener[] = {
    {"accept4", [] { return syscall(SYS_accept4, -1, 0, 0, 0); }, EBADF},
    {"accept", [] { return syscall(SYS_accept, -1, 0, 0); }, EBADF},
    {"chroot", [] { return syscall(SYS_chroot, "/nonexistent"); }, ENOENT},
    {"openat", [] { return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY); }, 0},
    {"local socket", [] { return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0); }, 0},
    {"connect", [] { return syscall(SYS_connect, -1, 0, 0); }, EBADF},
    {"execve", [] { return syscall(SYS_execve, "/nonexistent", 0, 0); }, ENOENT},
    {"executable mprotect", [] { return syscall(SYS_mprotect, 1, 4096, PROT_EXEC); }, EINVAL},
    {"clone", [] { return syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0); }, EINVAL},
    {"clone3", [] { return syscall(SYS_clone3, 0, 0); }, ENOSYS},
    {"keyctl", [] { return syscall(SYS_keyctl, 0, 0, 0, 0, 0); }, ENOSYS},
    {"io_uring_setup", [] { return syscall(SYS_io_uring_setup, 0, 0); }, ENOSYS},
};

TEST(MonitorSandbox, EndsAMonitorThatTriesTheForbidden) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
  expect_refused(enter_as_monitor, kForbiddenToBoth);
  expect_refused(enter_as_monitor, kForbiddenToTheMonitor);
}

TEST(MonitorSandbox, LetsTheMonitorDoItsWork) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
  expect_errors(enter_as_monitor, kAllowedToTheMonitor);
}

TEST(ListenerSandbox, EndsAListenerThatTriesTheForbidden) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  expect_refused(enter_as_listener<false, false>, kForbiddenToBoth);
  expect_refused(enter_as_listener<false, true>, kForbiddenToBoth);
}

TEST(ListenerSandbox, ForbidsAlmostTheSameWhereAKeyCommandIsRun) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  for (const Attempt& attempt : kForbiddenToBoth) {
    const std::string_view name = attempt.name;
    const bool softly = name == "listen" || name == "chown";
    if (softly) {
      expect_errors(enter_as_listener<true, true>, {{{attempt.name, attempt.make, EPERM}}});
    } else {
      expect_refused(enter_as_listener<true, true>, {&attempt, 1});
    }
  }
}

TEST(ListenerSandbox, LetsTheListenerDoItsWork) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  expect_errors(enter_as_listener<false, false>, kAllowedToTheListener);
  expect_errors(enter_as_listener<true, true>, kAllowedToTheListener);
}

}  // namespace
}  // namespace ssh2incus
