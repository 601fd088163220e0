// Authentication by the stock client and by one that doesn't keep to the rules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libssh/libssh.h>

#include <memory>

#include "tests/unit/sessiond/test_server.h"

namespace ssh2incus::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Authentication, TakesEveryKeyType) {
  TestServer server;
  for (const std::string type : {"ed25519", "ecdsa", "rsa"}) {
    const auto run = server.ssh("-i " + server.client_key(type), "'echo ok'");
    EXPECT_EQ(run.output, "ok\n") << type << ": " << run.errors;
  }
  EXPECT_EQ(server.record().verified, 3U);
  EXPECT_EQ(server.record().wrong_signatures, 0U);
  EXPECT_EQ(server.record().logins.at(0), "test");
}

TEST(Authentication, BindsTheSignatureToTheHostKey) {
  TestServer server;
  const auto run = server.ssh("-o HostKeyAlgorithms=rsa-sha2-512", "'echo ok'");
  EXPECT_EQ(run.output, "ok\n") << run.errors;
  EXPECT_EQ(server.record().host_bound, server.record().verified);
}

TEST(Authentication, RefusesUnauthorisedKeysAsAnOrdinaryFailure) {
  TestServer server({.accept_keys = false});
  const auto run =
      server.ssh("-i " + server.client_key() + " -i " + server.client_key("rsa"), "true");
  EXPECT_EQ(run.status, 255);
  EXPECT_THAT(run.errors, HasSubstr("Permission denied (publickey)"));
  EXPECT_EQ(server.record().queries, 2U);
  EXPECT_TRUE(server.all_ended());
}

TEST(Authentication, EndsAfterTooManyFailures) {
  TestServer server({.accept_keys = false, .most_failures = 1});
  const auto run = server.ssh("-o LogLevel=INFO", "true");
  EXPECT_THAT(run.errors, HasSubstr("Too many authentication failures"));
  EXPECT_TRUE(server.all_ended());
}

TEST(Authentication, TellsWhyALoginNameIsRefused) {
  TestServer server({.refusal = "invalid login name: two dots"});
  const auto run = server.ssh("", "true");
  EXPECT_EQ(run.status, 255);
  EXPECT_THAT(run.errors, HasSubstr("invalid login name: two dots"));
  EXPECT_TRUE(server.all_ended());
}

// A client of libssh's, for what ssh(1) doesn't do.
class RawClient {
 public:
  explicit RawClient(TestServer& server) : session_(ssh_new()) {
    const int port = server.port();
    const int no = 0;
    ssh_options_set(session_, SSH_OPTIONS_PROCESS_CONFIG, &no);
    ssh_options_set(session_, SSH_OPTIONS_HOST, "127.0.0.1");
    ssh_options_set(session_, SSH_OPTIONS_PORT, &port);
    connected_ = ssh_connect(session_) == SSH_OK;
  }
  ~RawClient() {
    ssh_disconnect(session_);
    ssh_free(session_);
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] ssh_session get() const { return session_; }
  [[nodiscard]] std::string error() const { return ssh_get_error(session_); }

 private:
  ssh_session session_;
  bool connected_ = false;
};

TEST(Authentication, DisconnectsWhoChangesTheUserName) {
  TestServer server;
  RawClient client(server);
  ASSERT_TRUE(client.connected()) << client.error();
  EXPECT_EQ(ssh_userauth_none(client.get(), "alice"), SSH_AUTH_DENIED);
  EXPECT_EQ(ssh_userauth_none(client.get(), "bob"), SSH_AUTH_DENIED);
  EXPECT_EQ(ssh_is_connected(client.get()), 0);
  EXPECT_THAT(client.error(), HasSubstr("user name must not change"));
  EXPECT_THAT(server.record().logins, ElementsAre("alice"));
  EXPECT_TRUE(server.all_ended());
}

TEST(Authentication, DisconnectsAnEndlessUserName) {
  TestServer server;
  RawClient client(server);
  ASSERT_TRUE(client.connected()) << client.error();
  EXPECT_EQ(ssh_userauth_none(client.get(), std::string(5000, 'a').c_str()), SSH_AUTH_DENIED);
  EXPECT_THAT(client.error(), HasSubstr("too long"));
  EXPECT_TRUE(server.all_ended());
  EXPECT_TRUE(server.record().logins.empty());
}

TEST(Authentication, CountsOtherMethodsAtTheMonitor) {
  TestServer server({.most_failures = 2});
  RawClient client(server);
  ASSERT_TRUE(client.connected()) << client.error();
  EXPECT_EQ(ssh_userauth_password(client.get(), "alice", "secret"), SSH_AUTH_DENIED);
  EXPECT_EQ(ssh_userauth_password(client.get(), "alice", ""), SSH_AUTH_DENIED);
  EXPECT_THAT(client.error(), HasSubstr("Too many authentication failures"));
  EXPECT_THAT(server.record().passwords, ElementsAre("secret", ""));
}

TEST(Authentication, HandsPasswordsOverAndShowsWhatIsSaid) {
  TestServer server({.password = "right"});
  RawClient client(server);
  ASSERT_TRUE(client.connected()) << client.error();
  EXPECT_EQ(ssh_userauth_password(client.get(), "alice", "wrong"), SSH_AUTH_DENIED);
  char* banner = ssh_get_issue_banner(client.get());
  EXPECT_STREQ(banner, "a word from PAM\r\n");
  ssh_string_free_char(banner);
  EXPECT_EQ(ssh_userauth_password(client.get(), "alice", "right"), SSH_AUTH_SUCCESS);
}

TEST(Authentication, DoesNotHandOverAPasswordThatIsTooLong) {
  TestServer server;
  RawClient client(server);
  ASSERT_TRUE(client.connected()) << client.error();
  const std::string longest(limits::kMaxAnswer, 'x');
  EXPECT_EQ(ssh_userauth_password(client.get(), "alice", (longest + "x").c_str()), SSH_AUTH_DENIED);
  EXPECT_EQ(ssh_userauth_password(client.get(), "alice", longest.c_str()), SSH_AUTH_DENIED);
  EXPECT_THAT(server.record().passwords, ElementsAre(longest));
  EXPECT_THAT(server.record().unsupported, ElementsAre("password"));
}

// Answers every prompt by "NUMBER", the last round's last one by `last`; returns the outcome.
int converse(ssh_session client, std::size_t rounds, const char* last) {
  int code = ssh_userauth_kbdint(client, "alice", nullptr);
  for (std::size_t round = 0; code == SSH_AUTH_INFO; ++round) {
    const int prompts = ssh_userauth_kbdint_getnprompts(client);
    EXPECT_STREQ(ssh_userauth_kbdint_getinstruction(client), "instruction");
    for (int i = 0; i < prompts; ++i) {
      char echo = 2;
      const auto number = static_cast<unsigned>(i);
      const std::string text = ssh_userauth_kbdint_getprompt(client, number, &echo);
      EXPECT_EQ(text, std::to_string(round) + "." + std::to_string(i) + ": ");
      EXPECT_EQ(echo, i % 2);
      const bool is_last = round + 1 == rounds && i + 1 == prompts;
      ssh_userauth_kbdint_setanswer(client, number, is_last ? last : std::to_string(i).c_str());
    }
    code = ssh_userauth_kbdint(client, "alice", nullptr);
  }
  return code;
}

TEST(Authentication, HoldsConversationsOfManyPromptsAndRounds) {
  for (const auto& [rounds, prompts] :
       std::vector<std::pair<std::size_t, std::size_t>>{{1, 1}, {3, 2}, {32, 32}}) {
    TestServer server({.password = "right", .rounds = rounds, .prompts = prompts});
    RawClient client(server);
    ASSERT_TRUE(client.connected()) << client.error();
    EXPECT_EQ(converse(client.get(), rounds, "wrong"), SSH_AUTH_DENIED);
    EXPECT_EQ(converse(client.get(), rounds, "right"), SSH_AUTH_SUCCESS) << client.error();
    const auto answers = server.record().answers;
    ASSERT_EQ(answers.size(), 2 * rounds);
    for (const auto& round : answers) EXPECT_EQ(round.size(), prompts);
  }
}

}  // namespace
}  // namespace ssh2incus::test
