// Passwords and conversations at the monitor, with a PAM that the test plays: what counts as proof,
// what ends a conversation, and what a sessiond or an attendant that lies gets.
#include "tests/unit/monitor/monitor_fixture.h"

namespace ssh2incus {
namespace {

using ipc::AuthOutcome;
using ipc::AuthReply;

class MonitorPamTest : public MonitorTest {
 protected:
  void SetUp() override {
    MonitorTest::SetUp();
    config_.password_failure_ms = 10;
    set_chains("publickey password keyboard-interactive");
  }
  void set_chains(const char* chains) {
    config_.auth_chains = AuthenticationChains::parse(chains, {}).value();
  }
  void begin() {
    start();
    go_to(MonitorState::kAuthenticating);
  }
  AuthReply try_password(const char* text) {
    send(ipc::PasswordAuthRequest{secret(text)});
    return expect<AuthReply>();
  }
  AuthReply ask() {
    send(ipc::InteractiveAuthRequest{});
    return expect<AuthReply>();
  }
  AuthReply answer(const std::vector<std::string>& texts) {
    send(answers(texts));
    return expect<AuthReply>();
  }
};

TEST_F(MonitorPamTest, LetsARightPasswordIn) {
  begin();
  EXPECT_EQ(try_password("wrong").outcome, AuthOutcome::kFailure);
  EXPECT_EQ(try_password("right").outcome, AuthOutcome::kSuccess);
  gateway_request();
  EXPECT_EQ(account_checks_, 0) << "PAM has checked the account already";
}

TEST_F(MonitorPamTest, AsksInAsManyRoundsAsPamWants) {
  pam_rounds_ = 5;
  begin();
  const AuthReply first = ask();
  ASSERT_EQ(first.outcome, AuthOutcome::kPrompts);
  ASSERT_EQ(first.prompts.size(), 2U);
  EXPECT_TRUE(first.prompts.begin()->echo);
  for (int i = 1; i < 5; ++i) EXPECT_EQ(answer({"x", ""}).outcome, AuthOutcome::kPrompts);
  EXPECT_EQ(answer({"right", ""}).outcome, AuthOutcome::kSuccess);
}

TEST_F(MonitorPamTest, EscapesWhatModulesSay) {
  begin();
  const AuthReply reply = ask();
  EXPECT_EQ(*reply.text, "first\nsecond\\x1b[2J");
  EXPECT_EQ(*reply.prompts.begin()->text, "Code:\\x07 ");
}

TEST_F(MonitorPamTest, CountsWrongAnswersAsFailures) {
  config_.max_auth_tries = 2;
  begin();
  ASSERT_EQ(ask().outcome, AuthOutcome::kPrompts);
  EXPECT_EQ(answer({"wrong", ""}).outcome, AuthOutcome::kFailure);
  EXPECT_EQ(try_password("wrong").outcome, AuthOutcome::kTooManyFailures);
}

TEST_F(MonitorPamTest, RefusesAnotherNumberOfAnswers) {
  begin();
  for (const auto& texts :
       std::vector<std::vector<std::string>>{{}, {"right"}, {"right", "", ""}}) {
    ASSERT_EQ(ask().outcome, AuthOutcome::kPrompts);
    EXPECT_EQ(answer(texts).outcome, AuthOutcome::kFailure);
  }
  EXPECT_EQ(pam_aborts_, 3);
}

TEST_F(MonitorPamTest, CountsConversationsThatAreGivenUp) {
  begin();
  for (unsigned i = 0; i < config_.max_auth_tries; ++i) {
    ASSERT_EQ(ask().outcome, AuthOutcome::kPrompts) << i;
  }
  EXPECT_EQ(ask().outcome, AuthOutcome::kTooManyFailures);
}

TEST_F(MonitorPamTest, EndsAConversationByAnyOtherRequest) {
  begin();
  ASSERT_EQ(ask().outcome, AuthOutcome::kPrompts);
  EXPECT_EQ(try_password("wrong").outcome, AuthOutcome::kFailure);
  EXPECT_EQ(pam_aborts_, 1);
  ASSERT_EQ(ask().outcome, AuthOutcome::kPrompts);
  send(ipc::NoneAuthRequest{});
  EXPECT_EQ(expect<AuthReply>().outcome, AuthOutcome::kFailure);
  EXPECT_EQ(pam_aborts_, 2);
  send(answers({"right", ""}));
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorPamTest, DoesNotTakeAnswersTwice) {
  begin();
  ASSERT_EQ(ask().outcome, AuthOutcome::kPrompts);
  EXPECT_EQ(answer({"wrong", ""}).outcome, AuthOutcome::kFailure);
  send(answers({"right", ""}));
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorPamTest, AsksPamInVainForLoginsThatAreRefused) {
  login_ = "c1+anna";
  uid_ = 1000;  // in no allowed group
  begin();
  EXPECT_EQ(try_password("right").outcome, AuthOutcome::kFailure);
  EXPECT_TRUE(pam_hopeless_);
  ASSERT_EQ(ask().outcome, AuthOutcome::kPrompts);
  EXPECT_EQ(answer({"right", ""}).outcome, AuthOutcome::kFailure) << "whatever PAM says";
  EXPECT_EQ(pam_starts_, 2);
}

TEST_F(MonitorPamTest, AsksPamInVainForUsersThatDoNotExist) {
  user_exists_ = false;
  begin();
  EXPECT_EQ(try_password("right").outcome, AuthOutcome::kFailure);
  EXPECT_TRUE(pam_hopeless_);
}

TEST_F(MonitorPamTest, WantsBothOfAChainInOrder) {
  set_chains("publickey,password");
  begin();
  EXPECT_EQ(try_password("right").outcome, AuthOutcome::kFailure);
  EXPECT_EQ(pam_starts_, 0) << "not this method's turn";
  send(signed_request(key_, session_id_, login_));
  const AuthReply partial = expect<AuthReply>();
  EXPECT_EQ(partial.outcome, AuthOutcome::kPartial);
  EXPECT_EQ(*partial.methods, "password");
  EXPECT_EQ(try_password("right").outcome, AuthOutcome::kSuccess);
  EXPECT_EQ(account_checks_, 0);
}

TEST_F(MonitorPamTest, KeepsTheKeysRestrictionsInAChain) {
  set_chains("publickey,keyboard-interactive");
  grant_.pty = false;
  begin();
  send(signed_request(key_, session_id_, login_));
  EXPECT_EQ(expect<AuthReply>().outcome, AuthOutcome::kPartial);
  ASSERT_EQ(ask().outcome, AuthOutcome::kPrompts);
  const AuthReply reply = answer({"right", ""});
  EXPECT_EQ(reply.outcome, AuthOutcome::kSuccess);
  EXPECT_FALSE(reply.permissions.pty);
}

TEST_F(MonitorPamTest, DoesNotAskTheAccountStackAgainAfterAPassword) {
  set_chains("password,publickey");
  account_valid_ = false;
  begin();
  EXPECT_EQ(try_password("right").outcome, AuthOutcome::kPartial);
  send(signed_request(key_, session_id_, login_));
  EXPECT_EQ(expect<AuthReply>().outcome, AuthOutcome::kSuccess);
  EXPECT_EQ(account_checks_, 0);
}

TEST_F(MonitorPamTest, RefusesAnExpiredPasswordWithAHint) {
  pam_reply_.outcome = PamOutcome::kExpired;
  begin();
  const AuthReply reply = try_password("right");
  EXPECT_EQ(reply.outcome, AuthOutcome::kFailure);
  EXPECT_NE(reply.text->find("expired"), std::string::npos);
  EXPECT_TRUE(try_password("wrong").text.empty());
}

TEST_F(MonitorPamTest, RefusesPromptsInAnswerToAPassword) {
  pam_reply_ = pam_prompts();
  begin();
  EXPECT_EQ(try_password("right").outcome, AuthOutcome::kFailure);
  send(answers({"x", "y"}));
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorPamTest, OffersNothingOfThatWithoutTheFlag) {
  set_chains("publickey");
  begin();
  EXPECT_EQ(try_password("right").outcome, AuthOutcome::kFailure);
  EXPECT_EQ(ask().outcome, AuthOutcome::kFailure);
  EXPECT_EQ(pam_starts_, 0);
}

}  // namespace
}  // namespace ssh2incus
