// What root starts for a multiplexer that may lie: programs by the grant's mode, and environments
// that change no code.
#include "guest/root_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guest/program_order.h"

namespace ssh2incus::guest {
namespace {

using testing::ElementsAre;

constexpr const char* kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

GuestGrant some_grant() {
  GuestGrant grant;
  grant.user = std::string("alice");
  grant.accepted_environment = std::vector<BoundedString<limits::kMaxEnvironmentName>>{
      std::string("LC_*"), std::string("TZ"), std::string("LD_*")};
  grant.environment =
      std::vector<EnvironmentEntry>{{std::string("SSH_CLIENT"), std::string("192.0.2.1 5 22")}};
  return grant;
}

TEST(RootRules, StarterDependsOnModeCommandTerminalAndKeeping) {
  for (const bool command : {false, true}) {
    for (const bool terminal : {false, true}) {
      for (const bool kept : {false, true}) {
        EXPECT_EQ(starter_for(ShellMode::kUserShell, command, terminal, kept), Starter::kDirectly);
        EXPECT_EQ(starter_for(ShellMode::kSu, command, terminal, kept), Starter::kSu);
        EXPECT_EQ(starter_for(ShellMode::kSush, command, terminal, kept), Starter::kSu);
        const Starter login = kept                   ? Starter::kSu
                              : terminal && !command ? Starter::kLogin
                                                     : Starter::kDirectly;
        EXPECT_EQ(starter_for(ShellMode::kLogin, command, terminal, kept), login);
      }
    }
  }
}

TEST(RootRules, OnlySushReplacesTheShell) {
  Account account;
  account.shell = "/bin/bash";
  EXPECT_EQ(shell_for(ShellMode::kSush, account), "/bin/sh");
  for (const ShellMode mode : {ShellMode::kUserShell, ShellMode::kLogin, ShellMode::kSu})
    EXPECT_EQ(shell_for(mode, account), "/bin/bash");
}

TEST(RootRules, LoginGetsWhatTheGrantAcceptsAndNothingThatChangesCode) {
  const std::vector<std::string> wanted = {
      "LC_ALL=de_DE.UTF-8", "SSH_CLIENT=192.0.2.1 5 22", "TERM=xterm", "SSH_TTY=/dev/pts/3",
      "SSH_AUTH_SOCK=/tmp/a/b",
      // Not accepted, not safe, not what the grant says, not plain.
      "FOO=bar", "LD_PRELOAD=/tmp/evil.so", "PATH=/tmp", "SSH_CLIENT=203.0.113.1 5 22", "LC_X=a\nb",
      "LC_Y=\x1b[2J", "TZ=/etc/shadow", "TZ=:/etc/shadow", "LC_ALL=../../tmp/evil",
      "TERM=/tmp/evil", "TERM=../evil", "NO_VALUE", "=x", "", "BASH_ENV=/tmp/evil", "IFS=x",
      std::string("LC_Z=a\0b", 8)};
  EXPECT_THAT(login_environment(some_grant(), wanted),
              ElementsAre(kPath, "LC_ALL=de_DE.UTF-8", "SSH_CLIENT=192.0.2.1 5 22", "TERM=xterm",
                          "SSH_TTY=/dev/pts/3", "SSH_AUTH_SOCK=/tmp/a/b"));
}

TEST(RootRules, SuGetsItsTerminalsNameAlone) {
  const std::vector<std::string> wanted = {"LC_ALL=C", "LD_PRELOAD=x", "TERM=a/../b", "TERM=xterm",
                                           "TERM=vt100"};
  EXPECT_THAT(su_environment(wanted), ElementsAre(kPath, "TERM=xterm"));
}

TEST(RootRules, ArgumentsHoldNothingOfTheClients) {
  Account account;
  account.name = "alice";
  EXPECT_THAT(su_arguments(account, "/run/g"), ElementsAre("su", "-s", "/run/g", "-", "alice"));
  EXPECT_THAT(login_arguments(account), ElementsAre("login", "-p", "-f", "alice"));
}

TEST(ProgramOrder, ComesBackAsItWasWritten) {
  ProgramOrder order;
  order.program = std::string("/bin/sh");
  order.arguments = std::vector<BoundedString<limits::kMaxCommand>>{
      std::string("-sh"), std::string("-c"), std::string(limits::kMaxCommand, 'x')};
  order.environment = std::vector<BoundedString<kMaxEnvironmentLine>>(
      20, std::string("A=") + std::string(kMaxEnvironmentLine - 2, 'y'));
  const auto file = write_order(order);
  ASSERT_TRUE(file.ok());
  const auto read = read_order(file->get());
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(*read->program, "/bin/sh");
  EXPECT_EQ(read->arguments, order.arguments);
  EXPECT_EQ(read->environment, order.environment);
  EXPECT_FALSE(read_order(-1).ok());
  ASSERT_EQ(ftruncate(file->get(), 100), 0);
  EXPECT_FALSE(read_order(file->get()).ok());
  ASSERT_EQ(ftruncate(file->get(), 64L * 1024 * 1024), 0);
  EXPECT_FALSE(read_order(file->get()).ok());
}

}  // namespace
}  // namespace ssh2incus::guest
