// sessiond's filter around a real child that tries what sessiond must not do, and the real process
// looked at from outside.
#include "sessiond/sandbox.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "common/ipc_channel.h"
#include "common/ipc_sessiond.h"
#include "tests/unit/sessiond/test_server.h"

namespace ssh2incus::test {
namespace {

struct Attempt {
  const char* name;
  long (*make)();
  long number;
};

const Attempt kForbidden[] = {
    {"socket", [] { return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0); }, SYS_socket},
    {"socketpair", [] { return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 0); },
     SYS_socketpair},
    {"connect", [] { return syscall(SYS_connect, 3, 0, 0); }, SYS_connect},
    {"bind", [] { return syscall(SYS_bind, 3, 0, 0); }, SYS_bind},
    {"openat", [] { return syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY); }, SYS_openat},
    {"open", [] { return syscall(SYS_open, "/", O_RDONLY); }, SYS_open},
    {"execve", [] { return syscall(SYS_execve, "/", 0, 0); }, SYS_execve},
    {"execveat", [] { return syscall(SYS_execveat, 3, "", 0, 0, AT_EMPTY_PATH); }, SYS_execveat},
    {"ptrace", [] { return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }, SYS_ptrace},
    {"fork", [] { return syscall(SYS_fork); }, SYS_fork},
    {"clone", [] { return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }, SYS_clone},
    {"clone3", [] { return syscall(SYS_clone3, 0, 0); }, SYS_clone3},
    {"kill", [] { return syscall(SYS_kill, 1, 0); }, SYS_kill},
    {"mprotect", [] { return syscall(SYS_mprotect, 0, 0, PROT_EXEC); }, SYS_mprotect},
    {"executable mmap",
     [] {
       return syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
     },
     SYS_mmap},
    {"rt_sigaction", [] { return syscall(SYS_rt_sigaction, SIGSYS, 0, 0, 8); }, SYS_rt_sigaction},
    {"chroot", [] { return syscall(SYS_chroot, "/"); }, SYS_chroot},
    {"setuid", [] { return syscall(SYS_setuid, 0); }, SYS_setuid},
    {"prctl", [] { return syscall(SYS_prctl, 4, 1); }, SYS_prctl},
    {"fcntl F_DUPFD", [] { return syscall(SYS_fcntl, 0, F_DUPFD, 0); }, SYS_fcntl},
    {"process_vm_readv", [] { return syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0); },
     SYS_process_vm_readv},
    {"io_uring_setup", [] { return syscall(SYS_io_uring_setup, 1, 0); }, SYS_io_uring_setup},
    {"write", [] { return syscall(SYS_write, 1, "", 0); }, SYS_write},
};

class Sandbox : public testing::TestWithParam<Attempt> {};

TEST_P(Sandbox, EndsTheProcessAndReportsTheCall) {
  if (kSanitized) GTEST_SKIP() << "no filter in sanitized builds";
  const Folder folder;
  const std::string root = folder.path + "/empty";
  std::filesystem::create_directory(root);
  auto ends = ipc::IpcChannel::pair();
  ASSERT_TRUE(ends.ok());
  const pid_t child = fork();
  if (child == 0) {
    if (!prepare_libraries().ok()) _exit(1);
    if (!enter_sandbox({root, 65534, 65534}, ends->second.fd()).ok()) _exit(2);
    GetParam().make();
    _exit(3);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "exited with " << WEXITSTATUS(status);
  EXPECT_EQ(WTERMSIG(status), SIGSYS);
  const auto notice = ends->first.receive_message<ipc::CrashNotice>(1000);
  ASSERT_TRUE(notice.ok()) << notice.error().message;
  EXPECT_EQ(notice->syscall, static_cast<std::uint32_t>(GetParam().number));
}

INSTANTIATE_TEST_SUITE_P(Sessiond, Sandbox, testing::ValuesIn(kForbidden), [](const auto& test) {
  std::string name = test.param.name;
  std::ranges::replace(name, ' ', '_');
  return name;
});

std::map<std::string, std::string> status_of(pid_t process) {
  std::map<std::string, std::string> fields;
  std::ifstream file("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(":\t");
    if (colon != std::string::npos) fields[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return fields;
}

TEST(SandboxFromOutside, HasNothing) {
  if (kSanitized) GTEST_SKIP() << "no filter in sanitized builds";
  TestServer server;
  std::thread client([&] { server.ssh("", "'sleep 2'"); });
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  const auto processes = server.processes();
  ASSERT_EQ(processes.size(), 1U);
  auto status = status_of(processes[0]);
  EXPECT_EQ(status["Uid"], "65534\t65534\t65534\t65534");
  EXPECT_EQ(status["Gid"], "65534\t65534\t65534\t65534");
  EXPECT_THAT(status["Groups"], testing::AnyOf("", " "));
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    EXPECT_EQ(status[set], "0000000000000000") << set;
  }
  EXPECT_EQ(status["NoNewPrivs"], "1");
  EXPECT_EQ(status["Seccomp"], "2");
  const std::string folder = "/proc/" + std::to_string(processes[0]);
  EXPECT_TRUE(std::filesystem::is_empty(folder + "/root/"));
  std::size_t fds = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder + "/fd"))
    ++fds;
  EXPECT_EQ(fds, 3U + 2U + 4U);  // standard streams, monitor and client, the guest's four
  client.join();
}

TEST(SandboxFromOutside, RefusesToServeRoot) {
  const std::array<const char*, 4> arguments = {"sessiond", "/tmp", "0", "65534"};
  EXPECT_FALSE(parse_identity(4, arguments.data()).ok());
  EXPECT_FALSE(parse_identity(3, arguments.data()).ok());
}

}  // namespace
}  // namespace ssh2incus::test
