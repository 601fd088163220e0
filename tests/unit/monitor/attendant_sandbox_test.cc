// Real children behind the attendant's and the key reader's walls try what they must not do.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <span>
#include <vector>

#include "monitor/child_task.h"
#include "monitor/key_command_syscalls.h"
#include "monitor/key_reader.h"
#include "monitor/pam_syscalls.h"

namespace ssh2incus {
namespace {

struct Attempt {
  const char* name;
  long (*make)();
  long number;  // that the handler reports; -1: the call fails with an error instead
};

const Attempt kForbiddenToAll[] = {
    {"ptrace", [] { return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }, SYS_ptrace},
    {"mount", [] { return syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, 0); }, SYS_mount},
    {"umount2", [] { return syscall(SYS_umount2, "/mnt", 0); }, SYS_umount2},
    {"pivot_root", [] { return syscall(SYS_pivot_root, "/", "/"); }, SYS_pivot_root},
    {"fsopen", [] { return syscall(SYS_fsopen, "tmpfs", 0); }, SYS_fsopen},
    {"chroot", [] { return syscall(SYS_chroot, "/"); }, SYS_chroot},
    {"init_module", [] { return syscall(SYS_init_module, 0, 0, ""); }, SYS_init_module},
    {"finit_module", [] { return syscall(SYS_finit_module, 0, "", 0); }, SYS_finit_module},
    {"bpf", [] { return syscall(SYS_bpf, 0, 0, 0); }, SYS_bpf},
    {"perf_event_open", [] { return syscall(SYS_perf_event_open, 0, 0, 0, 0, 0); },
     SYS_perf_event_open},
    {"kexec_load", [] { return syscall(SYS_kexec_load, 0, 0, 0, 0); }, SYS_kexec_load},
    {"unshare", [] { return syscall(SYS_unshare, CLONE_NEWUSER); }, SYS_unshare},
    {"setns", [] { return syscall(SYS_setns, 0, 0); }, SYS_setns},
    {"clone into a namespace",
     [] { return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }, SYS_clone},
    {"process_vm_writev", [] { return syscall(SYS_process_vm_writev, 1, 0, 0, 0, 0, 0); },
     SYS_process_vm_writev},
    {"userfaultfd", [] { return syscall(SYS_userfaultfd, 0); }, SYS_userfaultfd},
    {"packet socket", [] { return syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0); }, SYS_socket},
    {"listen", [] { return syscall(SYS_listen, 3, 1); }, SYS_listen},
    {"settimeofday", [] { return syscall(SYS_settimeofday, 0, 0); }, SYS_settimeofday},
    {"reboot", [] { return syscall(SYS_reboot, 0, 0, 0, 0); }, SYS_reboot},
    {"chown", [] { return syscall(SYS_chown, "/nonexistent", 0, 0); }, SYS_chown},
    {"unlink", [] { return syscall(SYS_unlink, "/nonexistent"); }, SYS_unlink},
};

const Attempt kForbiddenToTheReader[] = {
    {"keyctl", [] { return syscall(SYS_keyctl, 0, 0, 0, 0, 0); }, SYS_keyctl},
    {"socket", [] { return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0); }, SYS_socket},
    {"connect", [] { return syscall(SYS_connect, 3, 0, 0); }, SYS_connect},
    {"fork", [] { return syscall(SYS_fork); }, SYS_fork},
    {"clone", [] { return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }, SYS_clone},
    {"clone3", [] { return syscall(SYS_clone3, 0, 0); }, SYS_clone3},
    {"execve", [] { return syscall(SYS_execve, "/bin/true", 0, 0); }, SYS_execve},
    {"kill", [] { return syscall(SYS_kill, getppid(), 0); }, SYS_getppid},
    {"setuid", [] { return syscall(SYS_setuid, 0); }, SYS_setuid},
    {"open for writing", [] { return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY, 0); },
     SYS_openat},
    {"create", [] { return syscall(SYS_openat, AT_FDCWD, "/tmp/s2i", O_CREAT, 0600); }, SYS_openat},
    {"write", [] { return syscall(SYS_write, 1, "x", 1); }, SYS_write},
    {"executable memory",
     [] {
       return syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
     },
     SYS_mmap},
    {"rt_sigaction", [] { return syscall(SYS_rt_sigaction, SIGSYS, 0, 0, 8); }, SYS_rt_sigaction},
};

HostUserRecord some_user() {
  HostUserRecord user;
  user.uid = 54321;
  user.gid = 54321;
  user.group_ids = {54321};
  return user;
}

// What became of a call made behind the key reader's walls.
std::string tried_as_reader(const Attempt& attempt) {
  const auto answer = ask_child(
      [&](ipc::IpcChannel& channel, pid_t parent) {
        const Status status = enter_key_reader_sandbox(some_user(), parent);
        if (!status.ok()) _exit(1);
        attempt.make();
        static_cast<void>(channel.send_bytes(Bytes{0}));
      },
      10'000);
  return answer.ok() ? "it went on" : answer.error().message;
}

std::string tried_as_attendant(const Attempt& attempt, std::span<const SyscallRule> more = {}) {
  std::vector<SyscallRule> rules(kAttendantSyscalls.begin(), kAttendantSyscalls.end());
  rules.insert(rules.end(), more.begin(), more.end());
  const auto answer = ask_child(
      [&](ipc::IpcChannel& channel, pid_t) {
        report_refusals_to_channel();
        if (!apply_syscall_filter(rules).ok()) _exit(1);
        const long result = attempt.make();
        const Bytes errors = {static_cast<std::uint8_t>(result < 0 ? errno : 0)};
        static_cast<void>(channel.send_bytes(errors));
      },
      10'000);
  if (!answer.ok()) return answer.error().message;
  return "errno " + std::to_string((*answer)[0]);
}

std::string refusal_of(const Attempt& attempt) {
  return "the child made the refused system call " + std::to_string(attempt.number);
}

TEST(AttendantSandbox, EndsAChildThatTriesTheForbidden) {
  for (const Attempt& attempt : kForbiddenToAll) {
    EXPECT_EQ(tried_as_attendant(attempt), refusal_of(attempt)) << attempt.name;
  }
}

TEST(AttendantSandbox, ForbidsAlmostTheSameWhereAKeyCommandIsRun) {
  for (const Attempt& attempt : kForbiddenToAll) {
    const std::string_view name = attempt.name;
    if (name == "unlink") continue;  // temporary files
    const bool softly = name == "listen" || name == "chown";
    EXPECT_EQ(tried_as_attendant(attempt, kKeyCommandSyscalls),
              softly ? "errno " + std::to_string(EPERM) : refusal_of(attempt))
        << attempt.name;
  }
}

TEST(AttendantSandbox, RefusesTheKeyringSoftly) {
  const Attempt keyctl = kForbiddenToTheReader[0];
  EXPECT_EQ(tried_as_attendant(keyctl), "errno " + std::to_string(ENOSYS));
}

TEST(AttendantSandbox, LetsPamReplaceFilesOnlyWherePasswordsAreChecked) {
  const auto tried = [](bool key_command, bool passwords, int number) {
    const auto answer = ask_child(
        [&](ipc::IpcChannel& channel, pid_t) {
          report_refusals_to_channel();
          if (!apply_syscall_filter(attendant_rules(key_command, passwords)).ok()) _exit(1);
          const long result = syscall(number, -1, -1, -1);
          const Bytes errors = {static_cast<std::uint8_t>(result < 0 ? errno : 0)};
          static_cast<void>(channel.send_bytes(errors));
        },
        10'000);
    return answer.ok() ? "errno " + std::to_string((*answer)[0]) : answer.error().message;
  };
  const auto error = [](int number) { return "errno " + std::to_string(number); };
  for (const bool key_command : {false, true}) {
    EXPECT_EQ(tried(key_command, true, SYS_fchown), error(EBADF));
    EXPECT_EQ(tried(key_command, true, SYS_fchmod), error(EBADF));
    EXPECT_EQ(tried(key_command, true, SYS_rename), error(EFAULT));
    EXPECT_EQ(tried(key_command, false, SYS_fchown), error(EPERM));
  }
  EXPECT_EQ(tried(false, false, SYS_rename),
            "the child made the refused system call " + std::to_string(SYS_rename));
}

TEST(KeyReaderSandbox, EndsAChildThatTriesTheForbidden) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  for (const Attempt& attempt : kForbiddenToAll) {
    EXPECT_EQ(tried_as_reader(attempt), refusal_of(attempt)) << attempt.name;
  }
  for (const Attempt& attempt : kForbiddenToTheReader) {
    EXPECT_EQ(tried_as_reader(attempt), refusal_of(attempt)) << attempt.name;
  }
}

TEST(KeyReaderSandbox, IsTheUserAndNothingElse) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto answer = ask_child(
      [](ipc::IpcChannel& channel, pid_t parent) {
        if (!enter_key_reader_sandbox(some_user(), parent).ok()) _exit(1);
        const UniqueFd file(open("/proc/thread-self/status", O_RDONLY));
        Bytes status(8192);
        const ssize_t size = read(file.get(), status.data(), status.size());
        status.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        static_cast<void>(channel.send_bytes(status));
      },
      10'000);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  const std::string status(answer->begin(), answer->end());
  for (const char* expected :
       {"Uid:\t54321\t54321\t54321\t54321", "Gid:\t54321\t54321\t54321\t54321", "Groups:\t54321 ",
        "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000",
        "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"}) {
    EXPECT_THAT(status, testing::HasSubstr(expected));
  }
}

TEST(ChildTask, IsKilledWhenItTakesTooLong) {
  const auto answer = ask_child([](ipc::IpcChannel&, pid_t) { sleep(30); }, 100);
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message, testing::HasSubstr("timed out"));
}

TEST(ChildTask, MayDieWithoutAnAnswer) {
  EXPECT_FALSE(ask_child([](ipc::IpcChannel&, pid_t) { _exit(3); }, 10'000).ok());
}

}  // namespace
}  // namespace ssh2incus
