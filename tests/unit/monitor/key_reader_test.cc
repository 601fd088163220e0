// Keys looked up in files of a user, by a child that is that user.
#include "tests/unit/monitor/key_reader_fixture.h"

namespace ssh2incus {
namespace {

TEST_F(KeyReader, FindsAKeyAndSaysWhere) {
  write("authorized_keys", "# comment\n\n" + line("no-pty,command=\"uptime\""));
  const KeysReply reply = read();
  ASSERT_TRUE(reply.accepted.has_value()) << reasons(reply);
  EXPECT_EQ(reply.accepted->line, 3U);
  EXPECT_EQ(*reply.accepted->file, top_.path("home/.ssh/authorized_keys"));
  EXPECT_FALSE(reply.accepted->grant.pty);
  EXPECT_EQ(**reply.accepted->grant.forced_command, "uptime");
}

TEST_F(KeyReader, FindsNoKeyWhereThereIsNoFile) {
  const KeysReply reply = read();
  EXPECT_FALSE(reply.accepted.has_value());
  EXPECT_EQ(reasons(reply), "");
}

TEST_F(KeyReader, LooksIntoTheSecondFileToo) {
  write("authorized_keys2", line());
  EXPECT_TRUE(read().accepted.has_value());
}

TEST_F(KeyReader, TakesTheFirstLineThatIsAcceptable) {
  write("authorized_keys", line("expiry-time=\"20010101\"") + line("from=\"10.0.0.0/8\"") +
                               line("from=\"192.0.2.0/24\",no-pty") + line());
  const KeysReply reply = read();
  ASSERT_TRUE(reply.accepted.has_value()) << reasons(reply);
  EXPECT_EQ(reply.accepted->line, 3U);
  EXPECT_THAT(reasons(reply), HasSubstr("authorized_keys:1: "));
  EXPECT_THAT(reasons(reply), HasSubstr("authorized_keys:2: "));
}

TEST_F(KeyReader, DoesNotAcceptAnotherKeyNorAPartOfIt) {
  write("authorized_keys", line());
  request_.key_blob = make_ed25519().blob;
  EXPECT_FALSE(read().accepted.has_value());
  Bytes longer = key_.blob;
  longer.push_back(0);
  request_.key_blob = longer;
  EXPECT_FALSE(read().accepted.has_value());
}

TEST_F(KeyReader, RefusesLinesThatItDoesNotUnderstand) {
  write("authorized_keys", line("no-such-option") + line("command=\"unclosed"));
  const KeysReply reply = read();
  EXPECT_FALSE(reply.accepted.has_value());
  EXPECT_EQ(reply.reasons.size(), 2U) << reasons(reply);
}

TEST_F(KeyReader, BoundsLinesFilesAndReasons) {
  std::string content;
  for (int i = 0; i < 100; ++i) content += "rubbish\n";
  write("authorized_keys", content + std::string(20'000, 'x') + "\n" + line());
  KeysReply reply = read();
  EXPECT_TRUE(reply.accepted.has_value());
  EXPECT_EQ(reply.reasons.size(), 8U);
  write("authorized_keys", line() + std::string(limits::kMaxAuthorizedKeysFile, '#'));
  reply = read();
  EXPECT_FALSE(reply.accepted.has_value());
  EXPECT_THAT(reasons(reply), HasSubstr("larger than"));
}

TEST_F(KeyReader, KeepsToStrictModes) {
  write("authorized_keys", line());
  chmod(top_.path("home").c_str(), 0770);
  const KeysReply reply = read();
  EXPECT_FALSE(reply.accepted.has_value());
  EXPECT_THAT(reasons(reply), HasSubstr("can be written by others"));
}

TEST_F(KeyReader, ReadsOnlyWhatTheUserCanRead) {
  write("authorized_keys", line());
  ASSERT_EQ(chown(top_.path("home/.ssh/authorized_keys").c_str(), 0, 0), 0);
  KeysReply reply = read();
  EXPECT_FALSE(reply.accepted.has_value());
  EXPECT_THAT(reasons(reply), HasSubstr("Permission denied"));
  own("home/.ssh/authorized_keys");
  ASSERT_EQ(chown(top_.path("home").c_str(), 0, 0), 0);
  reply = read();
  EXPECT_FALSE(reply.accepted.has_value());
  EXPECT_THAT(reasons(reply), HasSubstr("Permission denied"));
}

TEST_F(KeyReader, IsNotHeldUpByAFifo) {
  ASSERT_EQ(mkfifo(top_.path("home/.ssh/authorized_keys").c_str(), 0600), 0);
  own("home/.ssh/authorized_keys");
  const KeysReply reply = read();
  EXPECT_FALSE(reply.accepted.has_value());
  EXPECT_THAT(reasons(reply), HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace ssh2incus
