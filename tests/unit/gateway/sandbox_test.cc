// Real children under the gateway's filter: what it may do works, everything else ends it.
#include "gateway/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <span>

#include "common/sanitized.h"
#include "common/syscall_filter.h"
#include "gateway/remote_syscalls.h"

namespace ssh2incus {
namespace {

// The wait status of a child that does this under a filter.
int under_filter(const std::function<void()>& action,
                 std::span<const SyscallRule> rules = kGatewaySyscalls) {
  const pid_t child = fork();
  if (child == 0) {
    if (!apply_syscall_filter(rules).ok()) _exit(99);
    action();
    syscall(SYS_exit_group, 0);  // past the sanitizers, which do more at an exit
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

bool killed(const std::function<void()>& action) {
  const int status = under_filter(action);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}
bool lives(const std::function<void()>& action) {
  const int status = under_filter(action);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Of a gateway that serves an https remote.
bool remote_lives(const std::function<void()>& action) {
  const int status = under_filter(action, remote_gateway_rules());
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
bool remote_killed(const std::function<void()>& action) {
  const int status = under_filter(action, remote_gateway_rules());
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

void* own_page() {
  return mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

TEST(GatewaySandbox, AllowsLocalSocketsAndReadingFiles) {
  EXPECT_TRUE(lives([] { close(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }));
  EXPECT_TRUE(lives([] { close(open("/dev/null", O_RDONLY | O_CLOEXEC)); }));
}

// connect() isn't told its address's family by a filter; the only sockets there are, are local.
TEST(GatewaySandbox, ConnectsLocalSocketsOnly) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
  EXPECT_TRUE(lives([] {
    const int local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un nowhere{AF_UNIX, "/nonexistent/socket"};
    if (connect(local, reinterpret_cast<const sockaddr*>(&nowhere), sizeof(nowhere)) == 0 ||
        errno != ENOENT) {
      syscall(SYS_exit_group, 1);
    }
    const sockaddr_in elsewhere{AF_INET, htons(22), {htonl(INADDR_LOOPBACK)}, {}};
    if (connect(local, reinterpret_cast<const sockaddr*>(&elsewhere), sizeof(elsewhere)) == 0 ||
        errno != EINVAL) {
      syscall(SYS_exit_group, 2);
    }
  }));
  EXPECT_TRUE(killed([] { close(socket(AF_INET6, SOCK_STREAM, 0)); }));
}

TEST(GatewaySandbox, OfARemoteHasTcpInsteadOfLocalSockets) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
  EXPECT_TRUE(remote_lives([] {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    close(socket(AF_INET6, SOCK_DGRAM, 0));
    int ends[2];
    if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) syscall(SYS_exit_group, 1);
  }));
  EXPECT_TRUE(remote_killed([] { close(socket(AF_UNIX, SOCK_STREAM, 0)); }));
  EXPECT_TRUE(remote_killed([] { close(socket(AF_NETLINK, SOCK_RAW, 0)); }));
  EXPECT_TRUE(remote_killed([] {
    const int on = 1;
    setsockopt(0, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  }));
  EXPECT_TRUE(remote_killed([] { listen(0, 1); }));
  EXPECT_TRUE(remote_killed([] { close(open("/dev/null", O_WRONLY)); }));
  EXPECT_TRUE(remote_killed([] { fork(); }));
}

// A gateway that stays gets new processor time, and can't change another limit.
TEST(GatewaySandbox, RenewsItsProcessorTimeAndNoOtherLimit) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
  EXPECT_TRUE(lives([] {
    if (!renew_processor_time().ok()) syscall(SYS_exit_group, 1);
  }));
  for (const int resource : {RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_FSIZE, RLIMIT_AS}) {
    EXPECT_TRUE(killed([resource] {
      rlimit limit{};
      getrlimit(static_cast<__rlimit_resource>(resource), &limit);
    })) << resource;
  }
}

TEST(GatewaySandbox, GivesProcessorTimeAnewUpToTheSameAmount) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit start{30, RLIM_INFINITY};
    rlimit now{};
    const bool good = setrlimit(RLIMIT_CPU, &start) == 0 && renew_processor_time().ok() &&
                      getrlimit(RLIMIT_CPU, &now) == 0 && now.rlim_cur >= 30 && now.rlim_cur < 40;
    _exit(good ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(GatewaySandbox, NeverMakesMemoryExecutable) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
  EXPECT_TRUE(lives([] {
    if (mprotect(own_page(), 4096, PROT_READ) != 0) syscall(SYS_exit_group, 1);
  }));
  EXPECT_TRUE(killed([] { mprotect(own_page(), 4096, PROT_READ | PROT_EXEC); }));
  EXPECT_TRUE(killed([] { mprotect(own_page(), 4096, PROT_EXEC); }));
}

TEST(GatewaySandbox, KillsWhatTheGatewayNeverDoes) {
  EXPECT_TRUE(killed([] { close(socket(AF_INET, SOCK_STREAM, 0)); }));
  EXPECT_TRUE(killed([] { close(socket(AF_NETLINK, SOCK_RAW, 0)); }));
  EXPECT_TRUE(killed([] { close(open("/dev/null", O_WRONLY)); }));
  EXPECT_TRUE(killed([] { close(open("/dev/null", O_RDWR)); }));
  EXPECT_TRUE(killed([] { close(open("/tmp/gateway-sandbox-test", O_RDONLY | O_CREAT, 0600)); }));
  EXPECT_TRUE(killed([] { execl("/bin/true", "true", nullptr); }));
  EXPECT_TRUE(killed([] { fork(); }));
  EXPECT_TRUE(killed([] { ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }));
  EXPECT_TRUE(killed([] { kill(getppid(), 0); }));
  EXPECT_TRUE(killed([] { unlink("/tmp/gateway-sandbox-test"); }));
  EXPECT_TRUE(killed(
      [] { mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }));
  EXPECT_TRUE(killed([] { [[maybe_unused]] const int ignored = setuid(0); }));
}

}  // namespace
}  // namespace ssh2incus
