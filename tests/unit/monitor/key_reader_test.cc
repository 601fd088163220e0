// Keys looked up in files of a user, by a child that is that user.
#include "monitor/key_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/base64.h"
#include "tests/unit/monitor/temporary_directory.h"
#include "tests/unit/monitor/test_keys.h"

namespace ssh2incus {
namespace {

using testing::HasSubstr;

class KeyReader : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    chmod(top_.path().c_str(), 0755);
    user_.found = true;
    user_.name = "s2itest";
    user_.uid = 54321;
    user_.gid = 54321;
    user_.group_ids = {54321};
    user_.home = top_.path("home");
    for (const char* name : {"home", "home/.ssh"}) {
      mkdir(top_.path(name).c_str(), 0700);
      own(name);
    }
    request_.key_blob = key_.blob;
    request_.algorithm = std::string("ssh-ed25519");
    request_.source_address = std::string("192.0.2.1");
    request_.now_unix = 1'700'000'000;
  }
  void own(const std::string& name) {
    ASSERT_EQ(chown(top_.path(name).c_str(), user_.uid, user_.gid), 0);
  }
  void write(const std::string& name, const std::string& content) {
    top_.write("home/.ssh/" + name, content);
    own("home/.ssh/" + name);
  }
  [[nodiscard]] std::string line(const std::string& options = "") const {
    return options + (options.empty() ? "" : " ") + "ssh-ed25519 " + encode_base64(key_.blob) +
           " me\n";
  }
  KeysReply read() {
    auto reply = read_keys_as_user(user_, default_authorized_keys_files(), request_);
    EXPECT_TRUE(reply.ok()) << reply.error().message;
    return reply.ok() ? *reply : KeysReply{};
  }
  static std::string reasons(const KeysReply& reply) {
    std::string all;
    for (const auto& reason : reply.reasons) all += *reason + "\n";
    return all;
  }

  TemporaryDirectory top_;
  ClientKey key_ = make_ed25519();
  HostUserRecord user_;
  KeysRequest request_;
};

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
