// What plain exec runs for a grant, an account and a wish.
#include "policy/plain_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "policy/guest_architecture.h"

namespace ssh2incus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PlainCommandTest : public testing::Test {
 protected:
  PlainCommandTest() {
    grant_.user = std::string("ana");
    grant_.accepted_environment =
        std::vector<BoundedString<limits::kMaxEnvironmentName>>{std::string("LC_*")};
  }
  void command(const std::string& text) { program_.command.emplace(text); }
  void terminal() { program_.terminal = PlainTerminal{std::string("vt100"), {100, 30, 0, 0}}; }
  void environment(std::vector<EnvironmentEntry> entries) {
    program_.environment = std::move(entries);
  }
  [[nodiscard]] Result<PlainCommand> decide() const {
    return plain_command(grant_, account_, program_);
  }
  [[nodiscard]] std::vector<std::string> arguments() const {
    const auto result = decide();
    EXPECT_TRUE(result.ok());
    return result.ok() ? result->arguments : std::vector<std::string>();
  }
  [[nodiscard]] std::map<std::string, std::string> variables() const {
    const auto result = decide();
    EXPECT_TRUE(result.ok());
    if (!result.ok()) return {};
    return {result->environment.begin(), result->environment.end()};
  }
  [[nodiscard]] std::string refusal() const {
    const auto result = decide();
    return result.ok() ? "allowed" : result.error().message;
  }

  GuestGrant grant_;
  Account account_{"ana", 1000, 1000, "/home/ana", "/bin/bash", {1000}};
  PlainProgram program_;
};

TEST_F(PlainCommandTest, RunsCommandsByTheUsersShell) {
  command("echo $HOME");
  EXPECT_THAT(arguments(), ElementsAre("/bin/bash", "-c", "echo $HOME"));
  EXPECT_EQ(decide()->directory, "/home/ana");
  EXPECT_FALSE(decide()->size);
}

TEST_F(PlainCommandTest, RunsALoginShellIfThereIsNoCommand) {
  EXPECT_THAT(arguments(), ElementsAre("/bin/bash", "-l"));
  account_.shell = "/usr/sbin/nologin";  // takes no options
  EXPECT_THAT(arguments(), ElementsAre("/usr/sbin/nologin"));
}

TEST_F(PlainCommandTest, FallsBackToSaneValuesForNonsenseInTheAccountFile) {
  account_.shell = "";
  account_.home = "no/absolute/path";
  EXPECT_THAT(arguments(), ElementsAre("/bin/sh", "-l"));
  EXPECT_EQ(decide()->directory, "/");
}

TEST_F(PlainCommandTest, ForcedCommandReplacesCommandAndShell) {
  grant_.forced_command.emplace(std::string("only this"));
  command("rm -rf /");
  EXPECT_THAT(arguments(), ElementsAre("/bin/bash", "-c", "only this"));
  EXPECT_EQ(variables()["SSH_ORIGINAL_COMMAND"], "rm -rf /");
  program_.command.reset();
  EXPECT_THAT(arguments(), ElementsAre("/bin/bash", "-c", "only this"));
  EXPECT_FALSE(variables().contains("SSH_ORIGINAL_COMMAND"));
}

// Every combination of what a grant allows and a client asks for.
TEST_F(PlainCommandTest, AllowsExactlyWhatTheGrantAllows) {
  for (unsigned bits = 0; bits < 64; ++bits) {
    const auto bit = [bits](unsigned n) { return (bits >> n & 1U) != 0; };
    grant_ = GuestGrant{};
    program_ = PlainProgram{};
    grant_.allow_shell = bit(0);
    grant_.allow_exec = bit(1);
    grant_.allow_pty = bit(2);
    if (bit(3)) grant_.forced_command.emplace(std::string("forced"));
    if (bit(4)) command("wish");
    if (bit(5)) terminal();
    const bool program_allowed = bit(3) ? bit(0) || bit(1) : (bit(4) ? bit(1) : bit(0));
    EXPECT_EQ(decide().ok(), program_allowed && (!bit(5) || bit(2))) << bits;
  }
}

TEST_F(PlainCommandTest, RefusesWhatItCannotDo) {
  grant_.forced_command.emplace(std::string("internal-sftp"));
  EXPECT_THAT(refusal(), HasSubstr("SFTP"));
  grant_.forced_command.emplace(std::string("internal-sftp -R"));
  EXPECT_THAT(refusal(), HasSubstr("SFTP"));
  grant_.forced_command.emplace(std::string("internal-sftpd"));
  EXPECT_EQ(refusal(), "allowed");
  grant_.forced_command.reset();
  grant_.keeper = SessionKeeper::kTmux;
  terminal();
  EXPECT_THAT(refusal(), HasSubstr("persistent"));
  command("true");  // nothing is kept for commands
  EXPECT_EQ(refusal(), "allowed");
}

TEST_F(PlainCommandTest, RefusesWhatIsNoText) {
  for (const std::string& bad :
       {std::string("a\0b", 3), std::string("\xff"), std::string("\xc0\x80"),
        std::string("\xed\xa0\x80"), std::string("\xf5\x80\x80\x80"), std::string("\xe2\x82")}) {
    command(bad);
    EXPECT_THAT(refusal(), HasSubstr("UTF-8"));
  }
  for (const std::string good : {"", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x7f\n\t"}) {
    command(good);
    EXPECT_EQ(refusal(), "allowed") << good;
  }
}

TEST_F(PlainCommandTest, TakesAcceptedVariablesOnly) {
  environment({{std::string("LC_X"), std::string("x")},
               {std::string("LD_PRELOAD"), std::string("evil")},
               {std::string("OTHER"), std::string("o")},
               {std::string("LC_BAD"), std::string("\xff")}});
  const auto found = variables();
  EXPECT_EQ(found.at("LC_X"), "x");
  for (const char* name : {"LD_PRELOAD", "OTHER", "LC_BAD"}) EXPECT_FALSE(found.contains(name));
}

TEST_F(PlainCommandTest, SaysWhoTheUserIs) {
  grant_.environment = std::vector<EnvironmentEntry>{{std::string("SSH_CLIENT"), std::string("1")},
                                                     {std::string("A=B"), std::string("bad")}};
  terminal();
  const auto found = variables();
  EXPECT_EQ(found.at("USER"), "ana");
  EXPECT_EQ(found.at("LOGNAME"), "ana");
  EXPECT_EQ(found.at("HOME"), "/home/ana");
  EXPECT_EQ(found.at("SHELL"), "/bin/bash");
  EXPECT_EQ(found.at("SSH_CLIENT"), "1");
  EXPECT_EQ(found.at("TERM"), "vt100");
  EXPECT_EQ(found.at("PATH").find("sbin"), std::string::npos);
  EXPECT_FALSE(found.contains("A=B"));
  account_.uid = 0;
  EXPECT_NE(variables().at("PATH").find("/sbin"), std::string::npos);
}

TEST_F(PlainCommandTest, BoundsTheTerminalsSize) {
  terminal();
  program_.terminal->size = {0, 0, 0, 0};
  EXPECT_EQ(decide()->size->columns, 80U);
  EXPECT_EQ(decide()->size->rows, 24U);
  program_.terminal->size = {4'000'000'000U, 70'000, 0, 0};
  EXPECT_EQ(decide()->size->columns, 65535U);
  EXPECT_EQ(decide()->size->rows, 65535U);
}

TEST(GuestArchitecture, IsTheInstancesOrItsKernels) {
  EXPECT_EQ(guest_architecture("x86_64", false), "x86_64");
  EXPECT_EQ(guest_architecture("x86_64", true), "x86_64");
  EXPECT_EQ(guest_architecture("aarch64", false), "aarch64");
  EXPECT_EQ(guest_architecture("i686", false), "x86_64");
  EXPECT_EQ(guest_architecture("armv7l", false), "aarch64");
}

TEST(GuestArchitecture, IsNoneForWhatNobodyBuiltItFor) {
  for (const char* name : {"", "riscv64", "ppc64le", "s390x", "X86_64", "x86_64/../.."}) {
    EXPECT_FALSE(guest_architecture(name, false)) << name;
  }
  EXPECT_FALSE(guest_architecture("i686", true));
  EXPECT_FALSE(guest_architecture("armv7l", true));
}

}  // namespace
}  // namespace ssh2incus
