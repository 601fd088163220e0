// What the sandboxed programs find when they start: fds, capabilities, environment.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "monitor/gateway_launcher.h"
#include "monitor/program.h"
#include "monitor/sessiond_launcher.h"
#include "monitor/system_users.h"
#include "tests/unit/monitor/temporary_directory.h"

namespace ssh2incus {
namespace {

using testing::HasSubstr;
using testing::Not;

// CAP_SETGID 6, CAP_SETUID 7, CAP_SETPCAP 8, CAP_SYS_CHROOT 18.
constexpr const char* kShedding = "00000000000001c0";
constexpr const char* kSheddingAndChroot = "00000000000401c0";

std::string report_of(ipc::IpcChannel& channel, pid_t pid) {
  const auto packet = channel.receive(5000);
  waitpid(pid, nullptr, 0);
  if (!packet.ok()) return packet.error().message;
  if (!*packet) return "nothing";
  return {(*packet)->bytes.begin(), (*packet)->bytes.end()};
}

TEST(GatewayLauncher, StartsItWithOneChannelAndWhatItTakesToShed) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const UniqueFd unrelated(open("/dev/null", O_RDONLY));
  auto gateway = launch_gateway({REPORT_PROCESS, 54321, 54322, 54323});
  ASSERT_TRUE(gateway.ok()) << gateway.error().message;
  const std::string report = report_of(gateway->channel, gateway->pid);
  EXPECT_THAT(report, HasSubstr("argument 54321\nargument 54322\nargument 54323\n"));
  EXPECT_THAT(report, HasSubstr("fd 0\nfd 1\nfd 2\nfd 3\n"));
  EXPECT_THAT(report, Not(HasSubstr("fd 4\n")));
  EXPECT_THAT(report, Not(HasSubstr("env ")));
  for (const char* set : {"CapPrm:\t", "CapEff:\t", "CapBnd:\t"}) {
    EXPECT_THAT(report, HasSubstr(std::string(set) + kShedding));
  }
}

TEST(SessiondLauncher, StartsItWithTwoFdsAndWhatItTakesToShed) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  auto [ours, theirs] = ipc::IpcChannel::pair().value();
  const UniqueFd end = theirs.release();
  const UniqueFd connection(open("/dev/null", O_RDWR | O_CLOEXEC));
  const auto pid = spawn_sessiond({REPORT_PROCESS, "/empty", 54321, 54322}, end, connection);
  ASSERT_TRUE(pid.ok()) << pid.error().message;
  const std::string report = report_of(ours, *pid);
  EXPECT_THAT(report, HasSubstr("argument /empty\nargument 54321\nargument 54322\n"));
  EXPECT_THAT(report, HasSubstr("fd 0\nfd 1\nfd 2\nfd 3\nfd 4\n"));
  EXPECT_THAT(report, Not(HasSubstr("fd 5\n")));
  EXPECT_THAT(report, Not(HasSubstr("env ")));
  for (const char* set : {"CapPrm:\t", "CapEff:\t", "CapBnd:\t"}) {
    EXPECT_THAT(report, HasSubstr(std::string(set) + kSheddingAndChroot));
  }
}

TEST(Launchers, RefuseToStartAsRoot) {
  EXPECT_FALSE(launch_gateway({REPORT_PROCESS, 0, 1, 1}).ok());
  EXPECT_FALSE(launch_gateway({REPORT_PROCESS, 1, 0, 1}).ok());
  const UniqueFd none;
  EXPECT_FALSE(spawn_sessiond({REPORT_PROCESS, "/empty", 0, 1}, none, none).ok());
  EXPECT_FALSE(find_system_user("root").ok());
}

TEST(Launchers, SayWhichUserIsMissing) {
  const auto user = find_system_user("s2i-nobody-has-this");
  ASSERT_FALSE(user.ok());
  EXPECT_THAT(user.error().message, HasSubstr("useradd --system"));
}

TEST(Program, MustNotBeWritableByOthers) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("program", "x", 0755);
  EXPECT_TRUE(open_program(path).ok());
  for (const mode_t mode : {0775U, 0757U, 0644U}) {
    chmod(path.c_str(), mode);
    EXPECT_FALSE(open_program(path).ok()) << mode;
  }
  if (geteuid() == 0) {
    chmod(path.c_str(), 0755);
    ASSERT_EQ(chown(path.c_str(), 54321, 0), 0);
    EXPECT_FALSE(open_program(path).ok());
  }
  EXPECT_FALSE(open_program(directory.path()).ok());
  EXPECT_FALSE(open_program(directory.path("absent")).ok());
}

}  // namespace
}  // namespace ssh2incus
