// Logins that an instance vouches for, with a gateway that answers properly or lies; and logins
// that nobody vouches for.
#include <fcntl.h>

#include "tests/unit/monitor/monitor_fixture.h"

namespace ssh2incus {
namespace {

using ipc::AuthOutcome;

class InstanceAuthTest : public MonitorTest {
 protected:
  void SetUp() override {
    MonitorTest::SetUp();
    config_.instance_authentication = true;
    login_ = "ana@c1.p1";
  }

  // The gateway's end, once the monitor has asked for one and told what the questions will be.
  ipc::AuthGrant questions() {
    gateway_.emplace(gateway_promise_.get_future().get());
    auto grant = gateway_->receive_message<ipc::AuthGrant>(10'000);
    EXPECT_TRUE(grant.ok());
    return grant.ok() ? std::move(*grant) : ipc::AuthGrant{};
  }
  void expect_question(const ClientKey& key) {
    const auto request = gateway_->receive_message<ipc::InstanceKeyRequest>(10'000);
    ASSERT_TRUE(request.ok());
    EXPECT_EQ(*request->key_blob, key.blob());
  }
  void answer(const auto& message) { ASSERT_TRUE(gateway_->send(message).ok()); }
  static ipc::InstanceKeyReply yes(const KeyGrant& grant = {}) {
    ipc::InstanceKeyReply reply;
    reply.accepted =
        ipc::InstanceLine{ipc::encode_fields(grant), std::string("/home/ana/.ssh/keys"), 3};
    return reply;
  }
  void query(const ClientKey& key) {
    send(ipc::PublicKeyQueryRequest{std::string("ssh-ed25519"), key.blob()});
  }
  // Whether the key is acceptable, after the gateway's first answer to a first question.
  bool acceptable_after(const Bytes& bytes, std::span<const int> fds = {}) {
    start();
    go_to(MonitorState::kAuthenticating);
    query(other_);
    questions();
    expect_question(other_);
    EXPECT_TRUE(gateway_->send_bytes(bytes, fds).ok());
    return expect<ipc::PublicKeyQueryReply>().acceptable;
  }
  bool nobody_was_asked() {
    return gateway_promise_.get_future().wait_for(std::chrono::seconds(0)) !=
           std::future_status::ready;
  }

  ClientKey other_;  // not the host user's
};

TEST_F(InstanceAuthTest, LetsInWhomTheInstanceVouchesFor) {
  KeyGrant grant;
  grant.pty = false;
  EXPECT_TRUE(acceptable_after(ipc::encode(yes(grant))));
  send(signed_request(other_, session_id_, login_));
  const auto reply = expect<ipc::AuthReply>();
  EXPECT_EQ(reply.outcome, AuthOutcome::kSuccess);
  EXPECT_FALSE(reply.permissions.pty);
  EXPECT_EQ(account_checks_, 0) << "no host user has proven anything";
  const auto open = gateway_->receive_message<ipc::OpenRequest>(10'000);
  ASSERT_TRUE(open.ok());
  EXPECT_EQ(*open->instance, "c1");
  EXPECT_EQ(*open->project, "p1");
  EXPECT_EQ(*open->guest.user, "ana");
  EXPECT_FALSE(open->guest.allow_pty);
}

TEST_F(InstanceAuthTest, AsksAboutTheLoginsTargetAlone) {
  config_.permitted_key_environment = {"LC_*"};
  config_.incus_socket = "/socket";
  start();
  go_to(MonitorState::kAuthenticating);
  query(other_);
  const ipc::AuthGrant grant = questions();
  EXPECT_EQ(*grant.endpoint.socket_path, "/socket");
  EXPECT_EQ(*grant.instance, "c1");
  EXPECT_EQ(*grant.project, "p1");
  EXPECT_EQ(*grant.user, "ana");
  EXPECT_EQ(*grant.source_address, "192.0.2.1");
  EXPECT_EQ(grant.permitted_environment.size(), 1U);
  gateway_.reset();
  EXPECT_FALSE(expect<ipc::PublicKeyQueryReply>().acceptable);
}

TEST_F(InstanceAuthTest, WantsAProofOfTheInstancesKeysToo) {
  EXPECT_TRUE(acceptable_after(ipc::encode(yes())));
  ipc::PublicKeyVerifyRequest claim = signed_request(key_, session_id_, login_);
  claim.key_blob = other_.blob();
  send(claim);
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  send(signed_request(other_, Bytes(32, 9), login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
}

TEST_F(InstanceAuthTest, IsNotWhatTheHostUserIs) {
  uid_ = 1000;  // in none of the groups, with a key that the host knows
  login_ = "ana@c1.p1+bob";
  start();
  go_to(MonitorState::kAuthenticating);
  query(key_);
  questions();
  expect_question(key_);
  answer(yes());
  EXPECT_TRUE(expect<ipc::PublicKeyQueryReply>().acceptable);
  send(signed_request(key_, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kSuccess);
}

TEST_F(InstanceAuthTest, NeedsNoHostUserAtAll) {
  user_exists_ = false;
  EXPECT_TRUE(acceptable_after(ipc::encode(yes())));
  send(signed_request(other_, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kSuccess);
  EXPECT_TRUE(gateway_->receive_message<ipc::OpenRequest>(10'000).ok());
}

TEST_F(InstanceAuthTest, ComesAfterTheHostUsersKeys) {
  start();
  go_to(MonitorState::kAuthenticated);
  EXPECT_EQ(account_checks_, 1);
  EXPECT_EQ(*gateway_request().instance, "c1") << "the first thing that a gateway hears";
}

TEST_F(InstanceAuthTest, LeavesTheGatewayToALaterHostKey) {
  EXPECT_FALSE(acceptable_after(ipc::encode(ipc::InstanceKeyReply{})));
  send(signed_request(key_, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kSuccess);
  EXPECT_EQ(account_checks_, 1);
  EXPECT_TRUE(gateway_->receive_message<ipc::OpenRequest>(10'000).ok());
}

TEST_F(InstanceAuthTest, DoesNotHelpWithAHostUsersPartOfAChain) {
  config_.auth_chains = AuthenticationChains::any_of(std::array{AuthMethod::kPublicKey});
  config_.auth_chains =
      AuthenticationChains::parse("publickey,publickey", config_.auth_chains.methods()).value();
  EXPECT_TRUE(acceptable_after(ipc::encode(yes())));
  send(signed_request(other_, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kPartial);
  send(signed_request(key_, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  EXPECT_EQ(account_checks_, 0);
}

TEST_F(InstanceAuthTest, SurvivesEveryLieOfTheGateway) {
  const UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::array fds = {null.get()};
  ipc::InstanceKeyReply wrong_grant = yes();
  wrong_grant.accepted->grant = Bytes{1, 2, 3};
  Bytes trailing = ipc::encode(yes());
  trailing.push_back(0);
  Bytes cut = ipc::encode(yes());
  cut.pop_back();
  const std::vector<Bytes> lies = {ipc::encode(wrong_grant),
                                   trailing,
                                   cut,
                                   {0},
                                   {255},
                                   ipc::encode(ipc::ReadyReply{}),
                                   ipc::encode(ipc::InstancePasswordReply{true, {}}),
                                   ipc::encode(ipc::GatewayCrash{1})};
  for (const Bytes& lie : lies) {
    gateway_promise_ = {};
    EXPECT_FALSE(acceptable_after(lie));
    query(ClientKey());
    EXPECT_FALSE(expect<ipc::PublicKeyQueryReply>().acceptable) << "and isn't asked again";
    TearDown();
  }
  gateway_promise_ = {};
  EXPECT_FALSE(acceptable_after(ipc::encode(yes()), fds));
}

TEST_F(InstanceAuthTest, SurvivesAGatewayThatDies) {
  start();
  go_to(MonitorState::kAuthenticating);
  query(other_);
  questions();
  gateway_.reset();
  EXPECT_FALSE(expect<ipc::PublicKeyQueryReply>().acceptable);
  send(signed_request(other_, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
}

TEST_F(InstanceAuthTest, IsNotAskedAboutAnythingButInstances) {
  for (const char* login : {"%shell", "+c9", "~c9", "other:c1"}) {
    gateway_promise_ = {};
    login_ = login;
    start();
    go_to(MonitorState::kAuthenticating);
    query(other_);
    EXPECT_FALSE(expect<ipc::PublicKeyQueryReply>().acceptable);
    EXPECT_TRUE(nobody_was_asked()) << login;
    TearDown();
  }
}

TEST_F(InstanceAuthTest, IsAskedOnlyWhereTheRulesCouldLetItsUsersIn) {
  AccessPolicy policy;
  policy.rules.resize(1);
  policy.rules[0].authenticated_by = AuthenticatedBy::kInstance;
  policy.rules[0].grant.actions = ActionSet::all();
  policy.rules[0].projects.patterns = {{"p2", false}};
  config_.access_policy = std::make_shared<const AccessPolicy>(policy);
  config_.auth_chains = AuthenticationChains::any_of(
      std::array{AuthMethod::kPublicKey, AuthMethod::kPassword, AuthMethod::kKeyboardInteractive});
  start();
  go_to(MonitorState::kAuthenticating);
  query(other_);
  EXPECT_FALSE(expect<ipc::PublicKeyQueryReply>().acceptable);
  send(ipc::PasswordAuthRequest{secret("wrong")});
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  EXPECT_TRUE(nobody_was_asked());
  TearDown();

  login_ = "ana@c1.p2";
  gateway_promise_ = {};
  EXPECT_TRUE(acceptable_after(ipc::encode(yes())));
}

TEST_F(InstanceAuthTest, IsNotAskedWhatOnlyTheHostCanProve) {
  config_.auth_chains = AuthenticationChains::parse(
                            "publickey,keyboard-interactive",
                            std::array{AuthMethod::kPublicKey, AuthMethod::kKeyboardInteractive})
                            .value();
  start();
  go_to(MonitorState::kAuthenticating);
  query(other_);
  EXPECT_FALSE(expect<ipc::PublicKeyQueryReply>().acceptable);
  EXPECT_TRUE(nobody_was_asked());
}

TEST_F(InstanceAuthTest, IsNotAskedWithoutTheFlag) {
  config_.instance_authentication = false;
  start();
  go_to(MonitorState::kAuthenticating);
  query(other_);
  EXPECT_FALSE(expect<ipc::PublicKeyQueryReply>().acceptable);
  EXPECT_TRUE(nobody_was_asked());
}

TEST_F(MonitorTest, LetsAnybodyInOnlyWithoutAuthentication) {
  start();
  go_to(MonitorState::kAuthenticating);
  EXPECT_TRUE(hello_.banner.empty());
  send(ipc::NoneAuthRequest{});
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  TearDown();
  config_.no_authentication = true;
  config_.auth_chains = AuthenticationChains::any_of(std::array{AuthMethod::kNone});
  start();
  go_to(MonitorState::kAuthenticating);
  EXPECT_NE((*hello_.banner).find("--noauth"), std::string::npos);
  send(ipc::NoneAuthRequest{});
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kSuccess);
  EXPECT_EQ(account_checks_, 1);
}

TEST_F(MonitorTest, KeepsTheHostsRulesWithoutAuthentication) {
  config_.auth_chains = AuthenticationChains::any_of(std::array{AuthMethod::kNone});
  uid_ = 1000;
  login_ = "c1+bob";
  start();
  go_to(MonitorState::kAuthenticating);
  send(ipc::NoneAuthRequest{});
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  send(signed_request(key_, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure) << "not a method then";
}

}  // namespace
}  // namespace ssh2incus
