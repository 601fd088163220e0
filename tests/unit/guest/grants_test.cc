// What the guest lets a connection do, by its grant, whatever sessiond asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/guest/guest_process.h"

namespace ssh2incus::test {
namespace {

using testing::HasSubstr;

TEST(GuestGrants, RefuseUnknownUsers) {
  GuestProcess guest(grant_for("no-such-user"));
  const auto hello = guest.hello();
  EXPECT_EQ(hello.outcome, GuestOutcome::kNoSuchUser);
  EXPECT_THAT(*hello.message, HasSubstr("no-such-user"));
  EXPECT_TRUE(guest.ends());
}

TEST(GuestGrants, ForceACommand) {
  auto grant = grant_for("root");
  grant.forced_command.emplace(std::string("echo forced \"$SSH_ORIGINAL_COMMAND\""));
  GuestProcess guest(grant);
  ASSERT_EQ(guest.hello().outcome, GuestOutcome::kReady);
  EXPECT_EQ(guest.run(command("rm x")).output, "forced rm x\n");
  EXPECT_EQ(guest.run(OpenSession{}).output, "forced \n");
}

TEST(GuestGrants, RefuseTerminalsAndShells) {
  auto grant = grant_for("root");
  grant.allow_pty = false;
  {
    GuestProcess guest(grant);
    guest.hello();
    EXPECT_THAT(*guest.run(command_on_terminal("tty")).refused, HasSubstr("terminal"));
    EXPECT_EQ(guest.run(command("echo yes")).output, "yes\n");
  }
  grant.allow_shell = false;
  {
    GuestProcess guest(grant);
    guest.hello();
    EXPECT_THAT(*guest.run(OpenSession{}).refused, HasSubstr("only commands"));
    EXPECT_EQ(guest.run(command("echo yes")).output, "yes\n");
  }
  grant.allow_exec = false;
  GuestProcess guest(grant);
  guest.hello();
  EXPECT_TRUE(guest.run(command("true")).refused.has_value());
  EXPECT_TRUE(guest.run(OpenSession{}).refused.has_value());
}

TEST(GuestGrants, RefuseCommandsWhereOnlyShellsAreAllowed) {
  auto grant = grant_for("root");
  grant.allow_exec = false;
  GuestProcess guest(grant);
  guest.hello();
  EXPECT_THAT(*guest.run(command("true")).refused, HasSubstr("commands are not allowed"));
}

TEST(GuestGrants, LetAForcedCommandRunWhereOneOfTheTwoIsAllowed) {
  auto grant = grant_for("root");
  grant.forced_command = std::string("echo forced");
  grant.allow_shell = false;
  GuestProcess guest(grant);
  guest.hello();
  EXPECT_EQ(guest.run(OpenSession{}).output, "forced\n");
}

OpenSession sftp() {
  OpenSession request;
  request.sftp = true;
  return request;
}

TEST(GuestGrants, RefuseFileTransfer) {
  auto grant = grant_for("root");
  grant.allow_sftp = false;
  GuestProcess guest(grant);
  guest.hello();
  EXPECT_THAT(*guest.run(sftp()).refused, HasSubstr("file transfer"));
  EXPECT_EQ(guest.run(command("echo yes")).output, "yes\n");
}

TEST(GuestGrants, LetFilesBeTransferredWhereNothingElseIsAllowed) {
  auto grant = grant_for("root");
  grant.allow_shell = false;
  grant.allow_exec = false;
  GuestProcess guest(grant);
  guest.hello();
  EXPECT_EQ(guest.run(sftp()).exited->status, 0U);
  EXPECT_TRUE(guest.run(command("true")).refused.has_value());
}

TEST(GuestGrants, ForceACommandInThePlaceOfSftp) {
  auto grant = grant_for("root");
  grant.forced_command = std::string("echo forced \"$SSH_ORIGINAL_COMMAND\"");
  GuestProcess guest(grant);
  guest.hello();
  EXPECT_EQ(guest.run(sftp()).output, "forced internal-sftp\n");
}

TEST(GuestGrants, ForceSftpAndNothingElse) {
  auto grant = grant_for("root");
  grant.forced_command = std::string("internal-sftp -R");
  GuestProcess guest(grant);
  guest.hello();
  EXPECT_EQ(guest.run(sftp()).exited->status, 0U);
  EXPECT_THAT(*guest.run(OpenSession{}).refused, HasSubstr("sftp"));
  EXPECT_THAT(*guest.run(command("id")).refused, HasSubstr("sftp"));
}

TEST(GuestGrants, NameTheOptionOfSftpThatIsWrong) {
  auto grant = grant_for("root");
  grant.forced_command = std::string("internal-sftp -Z");
  GuestProcess guest(grant);
  guest.hello();
  const auto& log = guest.run(sftp());
  EXPECT_NE(log.exited->status, 0U);
  EXPECT_THAT(log.errors, HasSubstr("-Z"));
}

TEST(GuestGrants, AreRefusedIfMalformed) {
  auto grant = grant_for("root");
  grant.version = 99;
  GuestProcess guest(grant);
  EXPECT_EQ(guest.hello().outcome, GuestOutcome::kBadGrant);
  EXPECT_TRUE(guest.ends());
}

}  // namespace
}  // namespace ssh2incus::test
