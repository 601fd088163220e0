// Whose word counts in a session's environment.
#include "guest/session_environment.h"

#include <gtest/gtest.h>

namespace ssh2incus::guest {
namespace {

class SessionEnvironment : public testing::Test {
 protected:
  Environment make() {
    return session_environment({account, grant, request, etc_environment, timezone, tty});
  }
  Account account{"ana", 1000, 1000, "/home/ana", "/bin/bash", {1000}};
  GuestGrant grant;
  OpenSession request;
  std::string etc_environment;
  std::optional<std::string_view> timezone;
  std::string tty;
};

TEST_F(SessionEnvironment, DescribesTheUser) {
  const auto environment = make();
  EXPECT_EQ(environment.get("USER"), "ana");
  EXPECT_EQ(environment.get("LOGNAME"), "ana");
  EXPECT_EQ(environment.get("HOME"), "/home/ana");
  EXPECT_EQ(environment.get("SHELL"), "/bin/bash");
  EXPECT_FALSE(environment.get("TERM").has_value());
  EXPECT_FALSE(environment.get("PATH")->starts_with("/usr/local/sbin"));
  account.uid = 0;
  EXPECT_TRUE(make().get("PATH")->starts_with("/usr/local/sbin"));
}

TEST_F(SessionEnvironment, TakesPathFromEtcEnvironment) {
  etc_environment = "# c\nPATH=\"/a:/b\"\nexport LANG='C.UTF-8'\nLD_PRELOAD=/x\nnonsense\n HOME=/y";
  const auto environment = make();
  EXPECT_EQ(environment.get("PATH"), "/a:/b");
  EXPECT_EQ(environment.get("LANG"), "C.UTF-8");
  EXPECT_EQ(environment.get("HOME"), "/home/ana");
  EXPECT_FALSE(environment.get("LD_PRELOAD").has_value());
}

TEST_F(SessionEnvironment, LetsTheGrantOverruleTheClient) {
  grant.accepted_environment =
      std::vector<BoundedString<limits::kMaxEnvironmentName>>{std::string("*")};
  grant.environment = std::vector<EnvironmentEntry>{{std::string("A"), std::string("grant")}};
  request.environment = std::vector<EnvironmentEntry>{{std::string("A"), std::string("client")},
                                                      {std::string("B"), std::string("client")},
                                                      {std::string("PATH"), std::string("/evil")},
                                                      {std::string("BASH_ENV"), std::string("/e")}};
  const auto environment = make();
  EXPECT_EQ(environment.get("A"), "grant");
  EXPECT_EQ(environment.get("B"), "client");
  EXPECT_NE(environment.get("PATH"), "/evil");
  EXPECT_FALSE(environment.get("BASH_ENV").has_value());
}

TEST_F(SessionEnvironment, KeepsTheCommandThatWasReplaced) {
  request.command.emplace(std::string("ls"));
  EXPECT_FALSE(make().get("SSH_ORIGINAL_COMMAND").has_value());
  grant.forced_command.emplace(std::string("true"));
  EXPECT_EQ(make().get("SSH_ORIGINAL_COMMAND"), "ls");
}

TEST_F(SessionEnvironment, NamesTheTerminal) {
  request.pty.emplace();
  request.pty->term = std::string("xterm");
  tty = "/dev/pts/3";
  timezone = "UTC";
  const auto environment = make();
  EXPECT_EQ(environment.get("TERM"), "xterm");
  EXPECT_EQ(environment.get("SSH_TTY"), "/dev/pts/3");
  EXPECT_EQ(environment.get("TZ"), "UTC");
}

}  // namespace
}  // namespace ssh2incus::guest
