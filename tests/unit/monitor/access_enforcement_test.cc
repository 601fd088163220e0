// What the monitor makes of access rules: further methods, refusals, grants, labels from a gateway
// that may lie, limits of time.
#include <fcntl.h>

#include "policy/access_rules.h"
#include "tests/unit/monitor/monitor_fixture.h"

namespace ssh2incus {
namespace {

using ipc::AuthOutcome;

class AccessEnforcement : public MonitorTest {
 protected:
  void rules(const std::string& text) {
    ParsedAccess parsed = parse_access_rules("version: 1\nrules:\n" + text);
    ASSERT_TRUE(parsed.problems.empty()) << parsed.problems.front().message;
    config_.access_policy = std::make_shared<const AccessPolicy>(std::move(parsed.policy));
  }
  void member() {
    uid_ = 1000;
    group_ = "devs";
    login_ = "c1+bob";
  }
  ipc::AuthReply log_in_with(const ClientKey& key) {
    send(signed_request(key, session_id_, login_));
    return expect<ipc::AuthReply>();
  }
  // The gateway, which is asked for labels.
  ipc::ResolveRequest resolve_request() {
    gateway_.emplace(gateway_promise_.get_future().get());
    auto request = gateway_->receive_message<ipc::ResolveRequest>(10'000);
    EXPECT_TRUE(request.ok());
    return request.ok() ? std::move(*request) : ipc::ResolveRequest{};
  }
  void answer(const std::vector<ipc::InstanceLabel>& labels) {
    ASSERT_TRUE(gateway_->send(ipc::ResolveReply{labels}).ok());
  }
  static ipc::InstanceLabel label(const std::string& name, const std::string& value) {
    return {name, value};
  }
};

TEST_F(AccessEnforcement, GrantsWhatTheRuleAllows) {
  rules("- {name: r, allow: [exec], groups: devs}\n");
  member();
  start();
  go_to(MonitorState::kAuthenticating);
  const ipc::AuthReply reply = log_in_with(key_);
  EXPECT_EQ(reply.outcome, AuthOutcome::kSuccess);
  EXPECT_TRUE(reply.permissions.exec);
  EXPECT_FALSE(reply.permissions.shell);
  EXPECT_FALSE(reply.permissions.agent_forwarding);
  EXPECT_FALSE(reply.permissions.local_forwarding);
  const ipc::OpenRequest request = gateway_request();
  EXPECT_TRUE(request.guest.allow_exec);
  EXPECT_FALSE(request.guest.allow_shell);
  EXPECT_FALSE(request.start_if_stopped);
}

TEST_F(AccessEnforcement, AllowsNoMoreThanTheKeysLine) {
  rules("- {name: r, allow: all}\n");
  grant_.pty = false;
  grant_.agent_forwarding = false;
  start();
  go_to(MonitorState::kAuthenticating);
  const ipc::AuthReply reply = log_in_with(key_);
  EXPECT_FALSE(reply.permissions.pty);
  EXPECT_FALSE(reply.permissions.agent_forwarding);
  const ipc::OpenRequest request = gateway_request();
  EXPECT_FALSE(request.guest.allow_pty);
  EXPECT_TRUE(request.start_if_stopped);
}

TEST_F(AccessEnforcement, DemandsFurtherMethodsInsteadOfRefusing) {
  rules("- {name: r, allow: all, methods: 'publickey,publickey'}\n");
  start();
  go_to(MonitorState::kAuthenticating);
  const ipc::AuthReply first = log_in_with(key_);
  EXPECT_EQ(first.outcome, AuthOutcome::kPartial);
  EXPECT_EQ(*first.methods, "publickey");
  EXPECT_EQ(account_checks_, 0);
  EXPECT_EQ(log_in_with(key_).outcome, AuthOutcome::kFailure);  // the same key proves no more
  EXPECT_EQ(log_in_with(second_key_).outcome, AuthOutcome::kSuccess);
  EXPECT_EQ(account_checks_, 1);
}

TEST_F(AccessEnforcement, DemandsThemOnlyWhereTheRuleIsAbout) {
  rules(
      "- {name: p, allow: all, projects: prod, methods: 'publickey,publickey'}\n"
      "- {name: r, allow: all}\n");
  start();
  go_to(MonitorState::kAuthenticating);
  EXPECT_EQ(log_in_with(key_).outcome, AuthOutcome::kSuccess);
}

TEST_F(AccessEnforcement, SaysAfterTheLoginThatAccessIsRefused) {
  rules("- {name: secret-name, deny: all, instances: c1}\n- {name: r, allow: all}\n");
  start();
  go_to(MonitorState::kAuthenticated);
  const auto notice = expect<ipc::TargetFailedNotice>();
  EXPECT_NE((*notice.text).find("access policy"), std::string::npos);
  EXPECT_EQ((*notice.text).find("secret-name"), std::string::npos);
  EXPECT_EQ(notice.exit_status, 255U);
}

TEST_F(AccessEnforcement, LetsNobodyProveAnythingWhomNoRuleIsFor) {
  rules("- {name: r, allow: all, groups: ops}\n");
  member();
  start();
  go_to(MonitorState::kAuthenticating);
  send(ipc::PublicKeyQueryRequest{std::string("ssh-ed25519"), key_.blob()});
  EXPECT_FALSE(expect<ipc::PublicKeyQueryReply>().acceptable);
  EXPECT_EQ(log_in_with(key_).outcome, AuthOutcome::kFailure);
  EXPECT_EQ(account_checks_, 0);
}

TEST_F(AccessEnforcement, AsksForLabelsOnlyWhenTheyDecide) {
  rules("- {name: p, deny: all, instances: web, labels: {env: prod}}\n- {name: r, allow: all}\n");
  start();
  go_to(MonitorState::kAuthenticated);
  EXPECT_EQ(*gateway_request().instance, "c1");  // at once
}

TEST_F(AccessEnforcement, DecidesByTheLabelsThatTheGatewayReports) {
  rules(
      "- {name: p, allow: shell, labels: {env: prod}, idle-limit: 90}\n"
      "- {name: r, allow: all}\n");
  start();
  go_to(MonitorState::kAuthenticated);
  const ipc::ResolveRequest asked = resolve_request();
  EXPECT_EQ(*asked.instance, "c1");
  ASSERT_EQ(asked.names.size(), 1U);
  EXPECT_EQ(**asked.names.begin(), "env");
  answer({label("env", "prod")});
  const auto request = gateway_->receive_message<ipc::OpenRequest>(10'000);
  ASSERT_TRUE(request.ok());
  EXPECT_TRUE(request->guest.allow_shell);
  EXPECT_FALSE(request->guest.allow_exec);
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  const std::array fds = {null.get(), null.get(), null.get(), null.get()};
  ASSERT_TRUE(gateway_->send(ipc::ReadyReply{}, fds).ok());
  std::vector<UniqueFd> received;
  const auto ready = sessiond_->receive_message<ipc::TargetReadyNotice>(10'000, &received, 4);
  ASSERT_TRUE(ready.ok());
  EXPECT_EQ(ready->idle_limit_seconds, 90U);
}

TEST_F(AccessEnforcement, RefusesByLabels) {
  rules("- {name: p, deny: all, labels: {env: prod}}\n- {name: r, allow: all}\n");
  start();
  go_to(MonitorState::kAuthenticated);
  resolve_request();
  answer({label("env", "prod")});
  EXPECT_NE((*expect<ipc::TargetFailedNotice>().text).find("access policy"), std::string::npos);
  EXPECT_FALSE(gateway_->receive_message<ipc::OpenRequest>(10'000).ok());  // closed
}

TEST_F(AccessEnforcement, OpensNothingForAGatewayThatLiesAboutLabels) {
  const std::vector<std::vector<ipc::InstanceLabel>> lies = {
      {label("other", "x")}, {label("env", "a"), label("env", "prod")}};
  rules("- {name: p, deny: all, labels: {env: prod}}\n- {name: r, allow: all}\n");
  for (const auto& lie : lies) {
    gateway_promise_ = {};
    start();
    go_to(MonitorState::kAuthenticated);
    resolve_request();
    answer(lie);
    expect<ipc::TargetFailedNotice>();
    EXPECT_FALSE(gateway_->receive_message<ipc::OpenRequest>(10'000).ok());
    TearDown();
  }
}

TEST_F(AccessEnforcement, TakesNoGuestBeforeLabelsAreKnown) {
  rules("- {name: p, deny: all, labels: {env: prod}}\n- {name: r, allow: all}\n");
  start();
  go_to(MonitorState::kAuthenticated);
  resolve_request();
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  const std::array fds = {null.get(), null.get(), null.get(), null.get()};
  ASSERT_TRUE(gateway_->send(ipc::ReadyReply{}, fds).ok());
  expect<ipc::TargetFailedNotice>();
}

TEST_F(AccessEnforcement, TakesNoLabelsUnasked) {
  start();
  go_to(MonitorState::kAuthenticated);
  gateway_request();
  answer({});
  expect<ipc::TargetFailedNotice>();
}

TEST_F(AccessEnforcement, EndsTheConnectionAtTheSessionLimit) {
  rules("- {name: r, allow: all, session-limit: 1s}\n");
  start();
  go_to(MonitorState::kAuthenticated);
  gateway_request();
  const auto notice = expect<ipc::ShutdownNotice>();
  EXPECT_EQ(*notice.reason, "the session limit of 1s is reached");
  EXPECT_EQ(ended(), ConnectionEnd::kLoggedIn);  // even if sessiond doesn't obey
}

TEST_F(AccessEnforcement, LimitsIdlenessToTheShorterOfTwo) {
  rules("- {name: r, allow: all, idle-limit: 5m}\n");
  config_.idle_timeout = std::chrono::seconds(60);
  start();
  go_to(MonitorState::kAuthenticated);
  gateway_request();
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  const std::array fds = {null.get(), null.get(), null.get(), null.get()};
  ASSERT_TRUE(gateway_->send(ipc::ReadyReply{}, fds).ok());
  std::vector<UniqueFd> received;
  const auto ready = sessiond_->receive_message<ipc::TargetReadyNotice>(10'000, &received, 4);
  ASSERT_TRUE(ready.ok());
  EXPECT_EQ(ready->idle_limit_seconds, 60U);
}

}  // namespace
}  // namespace ssh2incus
