// Users whose passwords count for nothing for a while, at the monitor: what is refused, with which
// words, what still counts, and what the listener is told of it.
#include "monitor/ipc_listener.h"
#include "tests/unit/monitor/monitor_fixture.h"

namespace ssh2incus {
namespace {

using ipc::AuthOutcome;
using ipc::AuthReply;

class MonitorHeldBackTest : public MonitorTest {
 protected:
  void SetUp() override {
    MonitorTest::SetUp();
    config_.password_failure_ms = 10;
    config_.auth_chains =
        AuthenticationChains::parse("publickey password keyboard-interactive", {}).value();
    with_listener_ = true;
  }
  void begin() {
    start();
    go_to(MonitorState::kAuthenticating);
  }
  AuthReply try_password(const char* text) {
    send(ipc::PasswordAuthRequest{secret(text)});
    return expect<AuthReply>();
  }
  AuthReply converse(const char* text) {
    send(ipc::InteractiveAuthRequest{});
    EXPECT_EQ(expect<AuthReply>().outcome, AuthOutcome::kPrompts);
    send(answers({text, ""}));
    return expect<AuthReply>();
  }
  AuthReply try_key(const ClientKey& key) {
    send(signed_request(key, session_id_, login_));
    return expect<AuthReply>();
  }
  template <typename Notice>
  std::string told_user() {
    const auto packet = next_notice();
    EXPECT_TRUE(packet);
    const auto notice = ipc::decode<Notice>(packet ? packet->bytes : Bytes());
    EXPECT_TRUE(notice.ok()) << notice.error().message;
    return notice.ok() ? *notice->user : std::string();
  }
  // Of what isn't for metrics; none: the monitor has gone.
  std::optional<ipc::Packet> next_notice() {
    for (;;) {
      auto packet = listener_->receive(10'000);
      EXPECT_TRUE(packet.ok());
      if (!packet.ok() || !*packet) return std::nullopt;
      const auto kind = ipc::kind_of<ListenerMessage>((*packet)->bytes);
      if (kind != ListenerMessage::kAttemptNotice && kind != ListenerMessage::kPhaseNotice) {
        return std::move(*packet);
      }
    }
  }
  static void expect_same_words(const AuthReply& one, const AuthReply& other) {
    EXPECT_EQ(one.outcome, AuthOutcome::kFailure);
    EXPECT_EQ(other.outcome, AuthOutcome::kFailure);
    EXPECT_EQ(*one.text, *other.text);
    EXPECT_EQ(*one.methods, *other.methods);
  }
};

TEST_F(MonitorHeldBackTest, RightPasswordIsRefusedWithTheWordsForAWrongOne) {
  held_back_ = {"root"};
  begin();
  const AuthReply wrong = try_password("wrong");
  expect_same_words(wrong, try_password("right"));
  EXPECT_EQ(pam_starts_, 2) << "PAM is asked all the same";
}

TEST_F(MonitorHeldBackTest, RightAnswersAreRefusedWithTheWordsForWrongOnes) {
  held_back_ = {"root"};
  begin();
  const AuthReply wrong = converse("wrong");
  expect_same_words(wrong, converse("right"));
}

TEST_F(MonitorHeldBackTest, KeyLogsInAllTheSame) {
  held_back_ = {"root"};
  begin();
  EXPECT_EQ(try_password("right").outcome, AuthOutcome::kFailure);
  EXPECT_EQ(try_key(key_).outcome, AuthOutcome::kSuccess);
  EXPECT_EQ(told_user<FailureNotice>(), "root");
  EXPECT_EQ(told_user<LoggedInNotice>(), "root");
}

TEST_F(MonitorHeldBackTest, OthersAreNot) {
  held_back_ = {"anna"};
  begin();
  EXPECT_EQ(try_password("right").outcome, AuthOutcome::kSuccess);
  EXPECT_EQ(told_user<LoggedInNotice>(), "root");
}

TEST_F(MonitorHeldBackTest, ListenerHearsOfGuessesAndNotOfKeys) {
  begin();
  EXPECT_EQ(try_key(ClientKey()).outcome, AuthOutcome::kFailure);
  EXPECT_EQ(try_password("wrong").outcome, AuthOutcome::kFailure);
  EXPECT_EQ(converse("wrong").outcome, AuthOutcome::kFailure);
  EXPECT_EQ(try_key(key_).outcome, AuthOutcome::kSuccess);
  EXPECT_EQ(told_user<FailureNotice>(), "root");
  EXPECT_EQ(told_user<FailureNotice>(), "root");
  EXPECT_EQ(told_user<LoggedInNotice>(), "root") << "and nothing else in between";
}

// Passwords of an instance's users, with a gateway that says no.
class InstanceHeldBackTest : public MonitorHeldBackTest {
 protected:
  void SetUp() override {
    MonitorHeldBackTest::SetUp();
    config_.instance_authentication = true;
    login_ = "ana@c1";
  }
  void TearDown() override {
    sessiond_.reset();
    if (listener_) {
      EXPECT_FALSE(next_notice()) << "the listener has been told more";
    }
    MonitorHeldBackTest::TearDown();
    if (answering_.joinable()) answering_.join();
  }
  void begin_with_gateway(bool valid) {
    begin();
    answering_ = std::thread([this, valid] {
      auto gateway = gateway_promise_.get_future().get();
      EXPECT_TRUE(gateway.receive_message<ipc::AuthGrant>(10'000).ok());
      while (gateway.receive_message<ipc::InstancePasswordRequest>(10'000).ok()) {
        EXPECT_TRUE(gateway.send(ipc::InstancePasswordReply{valid, std::string("no")}).ok());
      }
    });
  }

  std::thread answering_;
};

TEST_F(InstanceHeldBackTest, AWrongPasswordCountsForTheInstancesUserAndForTheHostsApart) {
  begin_with_gateway(false);
  EXPECT_EQ(try_password("wrong").outcome, AuthOutcome::kFailure);
  EXPECT_EQ(told_user<FailureNotice>(), "ana@c1.default");
  EXPECT_EQ(told_user<FailureNotice>(), "root (unnamed)");
}

TEST_F(InstanceHeldBackTest, ItCountsForTheHostUserWhoIsNamed) {
  login_ = "ana@c1+bob";
  group_ = config_.allowed_groups.front();
  uid_ = 1000;
  begin_with_gateway(false);
  EXPECT_EQ(try_password("wrong").outcome, AuthOutcome::kFailure);
  EXPECT_EQ(told_user<FailureNotice>(), "ana@c1.default");
  EXPECT_EQ(told_user<FailureNotice>(), "bob");
}

TEST_F(InstanceHeldBackTest, ItIsNoGuessAtAHostUserWhoCouldNotLogIn) {
  for (const char* held_back : {"root", "root (unnamed)"}) {
    held_back_ = {held_back};
    gateway_promise_ = {};
    begin_with_gateway(false);
    EXPECT_EQ(try_password("wrong").outcome, AuthOutcome::kFailure);
    EXPECT_TRUE(pam_hopeless_);
    EXPECT_EQ(told_user<FailureNotice>(), "ana@c1.default") << "and nothing else";
    TearDown();
    listener_.reset();
  }
}

TEST_F(InstanceHeldBackTest, TheHostUsersPasswordIsNotHeldBackWhereTheHostUserIsMeant) {
  held_back_ = {"root (unnamed)"};
  login_ = "c1";
  begin();
  EXPECT_EQ(try_password("right").outcome, AuthOutcome::kSuccess);
  EXPECT_EQ(told_user<LoggedInNotice>(), "root");
}

TEST_F(InstanceHeldBackTest, AGoodLoginMakesItsSourceKnownForBoth) {
  begin();
  EXPECT_EQ(try_password("right").outcome, AuthOutcome::kSuccess);
  EXPECT_EQ(told_user<LoggedInNotice>(), "root");
  EXPECT_EQ(told_user<LoggedInNotice>(), "root (unnamed)");
}

TEST_F(InstanceHeldBackTest, ARightPasswordOfAHeldBackUserOfTheInstanceCountsForNothing) {
  gateway_promise_ = {};
  held_back_ = {"ana@c1.default", "root"};
  begin_with_gateway(true);
  EXPECT_EQ(try_password("ana's").outcome, AuthOutcome::kFailure);
  EXPECT_EQ(told_user<FailureNotice>(), "ana@c1.default");
}

}  // namespace
}  // namespace ssh2incus
