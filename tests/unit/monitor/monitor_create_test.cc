// Logins that create their instance: what the gateway is granted, what is refused, and what labels
// mean for an instance that isn't there yet.
#include "policy/access_rules.h"
#include "tests/unit/monitor/monitor_fixture.h"

namespace ssh2incus {
namespace {

class MonitorCreate : public MonitorTest {
 protected:
  MonitorCreate() {
    config_.allow_create = true;
    configure(
        "defaults: {image: a/b, memory: 1, config: {user.env: test}}\n"
        "profiles: {prod: {config: {user.env: prod}}}\n");
    login_ = "+c9";
  }
  void configure(const std::string& text) {
    const ParsedCreateConfig parsed = parse_create_config(text, {});
    ASSERT_TRUE(parsed.problems.empty()) << parsed.problems.front().message;
    config_.create_config = std::make_shared<const CreateConfig>(parsed.config);
  }
  void rules(const std::string& text) {
    ParsedAccess parsed = parse_access_rules("version: 1\nrules:\n" + text);
    ASSERT_TRUE(parsed.problems.empty()) << parsed.problems.front().message;
    config_.access_policy = std::make_shared<const AccessPolicy>(std::move(parsed.policy));
  }
  void log_in() {
    start();
    go_to(MonitorState::kAuthenticated);
  }
  std::string refusal() { return *expect<ipc::TargetFailedNotice>().text; }
  // Answers what is asked about labels, for an instance that isn't there.
  void answer_missing() {
    gateway_.emplace(gateway_promise_.get_future().get());
    const auto request = gateway_->receive_message<ipc::ResolveRequest>(10'000);
    ASSERT_TRUE(request.ok());
    EXPECT_TRUE(request->may_be_missing);
    ASSERT_TRUE(gateway_->send(ipc::ResolveReply{.labels = {}, .missing = true}).ok());
  }
};

TEST_F(MonitorCreate, GrantsThePlan) {
  login_ = "~c9+m2+x/y+%prod";
  log_in();
  const ipc::OpenRequest request = gateway_request();
  EXPECT_EQ(*request.instance, "c9");
  ASSERT_TRUE(request.create);
  EXPECT_EQ(*request.create->image, "x/y");
  EXPECT_TRUE(request.create->ephemeral);
  EXPECT_EQ(*request.create->created_by, "root");
  EXPECT_FALSE(request.create->must_be_new);
  ASSERT_EQ(request.create->config.size(), 2U);
  EXPECT_EQ(*request.create->config->at(0).value, "2GiB");
  EXPECT_EQ(*request.create->config->at(1).value, "prod");
  using ipc::CreationStep;
  for (const auto step : {CreationStep::kBegun, CreationStep::kDone})
    ASSERT_TRUE(gateway_->send(ipc::CreationNotice{step}).ok());
  ASSERT_TRUE(gateway_->send(ipc::GatewayProgress{std::string("at 5%\x1b"), true}).ok());
  const auto progress = expect<ipc::TargetProgressNotice>();
  EXPECT_EQ(*progress.text, "at 5%\\x1b");
  EXPECT_TRUE(progress.update);
}

TEST_F(MonitorCreate, GrantsNoCreationThatNobodyWants) {
  login_ = "c9";
  log_in();
  EXPECT_FALSE(gateway_request().create);
  ASSERT_TRUE(gateway_->send(ipc::CreationNotice{ipc::CreationStep::kBegun}).ok());
  EXPECT_NE(refusal().find("answered wrongly"), std::string::npos);
}

TEST_F(MonitorCreate, RefusesWhereTheServerCreatesNothing) {
  config_.allow_create = false;
  log_in();
  EXPECT_NE(refusal().find("--allow-create"), std::string::npos);
}

TEST_F(MonitorCreate, RefusesWhatTheRuleDoesNotAllowAndSaysWhy) {
  rules("- {name: r, allow: all, create-limits: {memory: 4}}\n");
  login_ = "+c9+m8";
  log_in();
  EXPECT_EQ(refusal(), "ssh2incus: memory is limited to 4");
}

TEST_F(MonitorCreate, PassesTheNumberOfInstancesOn) {
  rules("- {name: r, allow: all, create-limits: {max-instances: 3}}\n");
  log_in();
  EXPECT_EQ(gateway_request().create->max_instances, 3U);
}

TEST_F(MonitorCreate, DecidesOnTheLabelsThatItWillHave) {
  rules("- {name: r, allow: all, labels: {env: test}}\n");
  log_in();
  answer_missing();
  const auto request = gateway_->receive_message<ipc::OpenRequest>(10'000);
  ASSERT_TRUE(request.ok() && request->create);
  EXPECT_TRUE(request->create->must_be_new);
}

TEST_F(MonitorCreate, RefusesLabelsThatNoRuleAllows) {
  rules("- {name: r, allow: all, labels: {env: test}}\n");
  login_ = "+c9+%prod";
  log_in();
  answer_missing();
  EXPECT_NE(refusal().find("access policy"), std::string::npos);
}

TEST_F(MonitorCreate, BelievesNoMissingInstanceThatMustExist) {
  rules("- {name: r, allow: all, labels: {env: test}}\n");
  login_ = "c9";
  log_in();
  gateway_.emplace(gateway_promise_.get_future().get());
  const auto request = gateway_->receive_message<ipc::ResolveRequest>(10'000);
  ASSERT_TRUE(request.ok());
  EXPECT_FALSE(request->may_be_missing);
  ASSERT_TRUE(gateway_->send(ipc::ResolveReply{.labels = {}, .missing = true}).ok());
  EXPECT_NE(refusal().find("answered wrongly"), std::string::npos);
}

}  // namespace
}  // namespace ssh2incus
