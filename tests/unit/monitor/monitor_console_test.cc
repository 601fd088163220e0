// Consoles in the monitor, between a hostile sessiond and a hostile gateway.
#include "policy/access_rules.h"
#include "tests/unit/monitor/monitor_fixture.h"

namespace ssh2incus {
namespace {

class MonitorConsoleTest : public MonitorTest {
 protected:
  void enter(const std::string& login, bool with_gateway = true) {
    login_ = login;
    start();
    go_to(MonitorState::kAuthenticated);
    if (with_gateway) gateway_.emplace(gateway_promise_.get_future().get());
    EXPECT_EQ(*expect<ipc::ConsoleReadyNotice>().description, login);
  }
  void rules(const std::string& text) {
    ParsedAccess parsed = parse_access_rules("version: 1\nrules:\n" + text);
    ASSERT_TRUE(parsed.problems.empty());
    config_.access_policy = std::make_shared<const AccessPolicy>(std::move(parsed.policy));
  }
  void open(std::uint32_t stream, const std::string& arguments = "") {
    ipc::ConsoleOpenRequest request;
    request.stream = stream;
    if (!arguments.empty()) request.arguments.emplace(arguments);
    send(request);
  }
  template <typename Request>
  Request asked() {
    auto request = gateway_->receive_message<Request>(10'000);
    EXPECT_TRUE(request.ok()) << request.error().message;
    return request.ok() ? std::move(*request) : Request{};
  }
  void tell(const auto& reply) { ASSERT_TRUE(gateway_->send(reply).ok()); }
  std::string said(bool is_error = false) {
    const auto output = expect<ipc::ConsoleOutputNotice>();
    EXPECT_EQ(output.is_error, is_error) << *output.text;
    return *output.text;
  }
  std::uint32_t status() { return expect<ipc::ConsoleEndNotice>().exit_status; }
  static ipc::ListedInstance listed(const std::string& project, const std::string& name) {
    ipc::ListedInstance instance;
    instance.project = project;
    instance.instance = name;
    instance.state = std::string("Running");
    return instance;
  }
  static ipc::ListReply list(std::vector<ipc::ListedInstance> instances, bool last = true) {
    ipc::ListReply reply;
    reply.instances = std::move(instances);
    reply.last = last;
    return reply;
  }
  static ipc::ExamineReply stopped() {
    ipc::ExamineReply reply;
    reply.state = std::string("Stopped");
    return reply;
  }
  void expect_gateway_given_up() {
    EXPECT_EQ(*expect<ipc::TargetFailedNotice>().text, "ssh2incus: the gateway answered wrongly");
    EXPECT_FALSE(*gateway_->receive(10'000));
  }
};

TEST_F(MonitorConsoleTest, ListsWhatMayBeEntered) {
  rules("- {name: a, projects: p1, allow: [shell]}\n");
  enter("%list");
  open(1);
  asked<ipc::ListRequest>();
  tell(list({listed("default", "no"), listed("p1", "yes")}, false));
  tell(list({listed("p1", "too")}));
  const std::string text = said();
  EXPECT_NE(text.find("yes.p1"), std::string::npos) << text;
  EXPECT_NE(text.find("too.p1"), std::string::npos) << text;
  EXPECT_EQ(text.find("no"), std::string::npos) << text;
  EXPECT_EQ(status(), 0U);
  open(2);  // and again
  asked<ipc::ListRequest>();
  tell(list({}));
  said();
  EXPECT_EQ(status(), 0U);
}

TEST_F(MonitorConsoleTest, LabelsDecideWhatIsListed) {
  rules("- {name: a, labels: {env: test}, allow: [shell]}\n");
  enter("%list");
  open(1);
  EXPECT_EQ(**asked<ipc::ListRequest>().label_names.begin(), "env");
  auto test = listed("default", "yes");
  test.labels = std::vector<ipc::InstanceLabel>{{std::string("env"), std::string("test")}};
  tell(list({test, listed("default", "no")}));
  const std::string text = said();
  EXPECT_NE(text.find("yes"), std::string::npos) << text;
  EXPECT_EQ(text.find("no"), std::string::npos) << text;
}

TEST_F(MonitorConsoleTest, OnlySessionsTakesACommand) {
  enter("%list");
  open(1, "rm -rf /");
  EXPECT_EQ(said(true), "ssh2incus: this takes no command\n");
  EXPECT_EQ(status(), 2U);
}

TEST_F(MonitorConsoleTest, OneSessionAtATime) {
  enter("%list");
  open(1);
  asked<ipc::ListRequest>();
  open(2);
  said(true);
  EXPECT_EQ(status(), 2U);
}

TEST_F(MonitorConsoleTest, DeletesAfterAYes) {
  enter("%rm/c1.p1");
  open(1);
  const auto examine = asked<ipc::ExamineRequest>();
  EXPECT_EQ(*examine.instance, "c1");
  EXPECT_EQ(*examine.project, "p1");
  tell(stopped());
  EXPECT_NE(said().find("instance c1 in project p1"), std::string::npos);
  const auto question = expect<ipc::ConsoleOutputNotice>();
  EXPECT_TRUE(question.question);
  EXPECT_EQ(*question.text, "Delete it? (yes/no) ");
  send(ipc::ConsoleAnswerRequest{1, std::string("yes")});
  asked<ipc::DeleteRequest>();
  tell(ipc::DeleteReply{});
  EXPECT_EQ(said(), "deleted\n");
  EXPECT_EQ(status(), 0U);
}

TEST_F(MonitorConsoleTest, AnythingElseThanYesDeletesNothing) {
  enter("%rm/c1");
  std::uint32_t stream = 0;
  for (const char* answer : {"", "y", "YES", "yes ", "no"}) {
    open(++stream);
    asked<ipc::ExamineRequest>();
    tell(stopped());
    said();
    said();
    send(ipc::ConsoleAnswerRequest{stream, std::string(answer)});
    EXPECT_EQ(said(true), "ssh2incus: not deleted\n");
    EXPECT_EQ(status(), 1U);
  }
  sessiond_.reset();
  EXPECT_FALSE(*gateway_->receive(10'000));  // no DeleteRequest
}

TEST_F(MonitorConsoleTest, AnAnswerOfAnotherSessionOrWithoutAQuestionCountsForNothing) {
  enter("%rm/c1");
  open(1);
  send(ipc::ConsoleAnswerRequest{1, std::string("yes")});
  asked<ipc::ExamineRequest>();
  tell(stopped());
  said();
  said();
  send(ipc::ConsoleAnswerRequest{2, std::string("yes")});
  send(ipc::ConsoleAnswerRequest{1, std::string("no")});
  EXPECT_EQ(said(true), "ssh2incus: not deleted\n");
}

TEST_F(MonitorConsoleTest, RmFDoesntAsk) {
  enter("%rm-f/c1");
  open(1);
  asked<ipc::ExamineRequest>();
  tell(stopped());
  said();
  asked<ipc::DeleteRequest>();
  tell(ipc::FailedReply{ipc::TargetFailure::kIncusError, std::string("no\x1bway")});
  EXPECT_EQ(said(true), "ssh2incus: no\\x1bway\n");
  EXPECT_EQ(status(), 1U);
}

TEST_F(MonitorConsoleTest, ProtectedOnesAreNotAskedAbout) {
  enter("%rm/c1");
  open(1);
  asked<ipc::ExamineRequest>();
  auto reply = stopped();
  reply.is_protected = true;
  tell(reply);
  said();
  EXPECT_NE(said(true).find("protected"), std::string::npos);
  EXPECT_EQ(status(), 1U);
}

TEST_F(MonitorConsoleTest, LabelsOfTheInstanceDecideWhetherItMayBeDeleted) {
  rules("- {name: a, labels: {env: test}, allow: [delete]}\n");
  enter("%rm-f/c1");
  open(1);
  asked<ipc::ExamineRequest>();
  tell(stopped());
  EXPECT_NE(said(true).find("refused by this server's access policy"), std::string::npos);
  EXPECT_EQ(status(), 1U);
  sessiond_.reset();
  EXPECT_FALSE(*gateway_->receive(10'000));
}

TEST_F(MonitorConsoleTest, ASessionThatIsGivenUpDeletesNothing) {
  enter("%rm/c1");
  open(1);
  send(ipc::SessionOpenedNotice{1, true, {}, false});
  asked<ipc::ExamineRequest>();
  tell(stopped());
  said();
  said();
  send(ipc::SessionClosedNotice{1, 130, {}, 0, 0});
  send(ipc::ConsoleAnswerRequest{1, std::string("yes")});
  sessiond_.reset();
  EXPECT_FALSE(*gateway_->receive(10'000));
}

TEST_F(MonitorConsoleTest, RefusedWithoutTheAction) {
  rules("- {name: a, allow: [shell]}\n");
  login_ = "%rm/c1";
  start();
  go_to(MonitorState::kAuthenticated);
  EXPECT_NE(expect<ipc::TargetFailedNotice>().text->find("access policy"), std::string::npos);
}

TEST_F(MonitorConsoleTest, AKeyForOneCommandIsForNoConsole) {
  grant_.forced_command.emplace(std::string("backup"));
  login_ = "%list";
  start();
  go_to(MonitorState::kAuthenticated);
  EXPECT_NE(expect<ipc::TargetFailedNotice>().text->find("one command only"), std::string::npos);
}

TEST_F(MonitorConsoleTest, ExplainsWithoutAskingIncus) {
  enter("%explain/alice@c1.p1", false);
  open(1);
  const std::string text = said();
  EXPECT_NE(text.find("instance user:  alice\n"), std::string::npos) << text;
  EXPECT_NE(text.find("decision:       allowed\n"), std::string::npos) << text;
  EXPECT_EQ(status(), 0U);
}

TEST_F(MonitorConsoleTest, ExplainsByTheLabelsOfTheInstance) {
  rules("- {name: a, labels: {env: test}, allow: [shell]}\n");
  enter("%explain/c1");
  open(1);
  EXPECT_EQ(*asked<ipc::ResolveRequest>().instance, "c1");
  ipc::ResolveReply reply;
  reply.labels = std::vector<ipc::InstanceLabel>{{std::string("env"), std::string("test")}};
  tell(reply);
  EXPECT_NE(said().find("may:            shell\n"), std::string::npos);
  EXPECT_EQ(status(), 0U);
}

TEST_F(MonitorConsoleTest, ExplainsWhatItCanWithoutLabels) {
  rules("- {name: a, labels: {env: test}, allow: [shell]}\n");
  enter("%explain/c1");
  open(1);
  asked<ipc::ResolveRequest>();
  tell(ipc::FailedReply{ipc::TargetFailure::kNoSuchInstance, std::string("no such instance")});
  EXPECT_EQ(said(), "note: no such instance\n");
  EXPECT_NE(said().find("depends on labels of the instance: env\n"), std::string::npos);
  EXPECT_EQ(status(), 0U);
}

TEST_F(MonitorConsoleTest, SessionsWithoutATableAreNone) {
  enter("%sessions", false);
  open(1);
  EXPECT_TRUE(said().starts_with("ID "));
  EXPECT_EQ(status(), 0U);
  open(2, "end 0123456789abcdef");
  EXPECT_EQ(said(true), "ssh2incus: no such connection: 0123456789abcdef\n");
  EXPECT_EQ(status(), 1U);
}

TEST_F(MonitorConsoleTest, TooManySessionsEndTheConnection) {
  enter("%explain/c1", false);
  for (std::uint32_t i = 1; i <= limits::kMaxConsoleSessions; ++i) {
    open(i);
    said();
    ASSERT_EQ(status(), 0U) << i;
  }
  open(limits::kMaxConsoleSessions + 1);
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorConsoleTest, TooManyAnswersEndTheConnection) {
  enter("%explain/c1", false);
  for (std::uint32_t i = 0; i <= limits::kMaxConsoleSessions; ++i) {
    send(ipc::ConsoleAnswerRequest{1, std::string("yes")});
  }
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorConsoleTest, ASessionWithoutAConsoleEndsTheConnection) {
  start();
  go_to(MonitorState::kAuthenticated);
  gateway_request();
  open(1);
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorConsoleTest, AGatewayThatAnswersUnaskedIsGivenUp) {
  enter("%list");
  tell(list({listed("default", "c1")}));
  expect_gateway_given_up();
}

TEST_F(MonitorConsoleTest, AGatewayThatSaysItHasDeletedUnaskedIsGivenUp) {
  enter("%rm/c1");
  open(1);
  asked<ipc::ExamineRequest>();
  tell(ipc::DeleteReply{});
  expect_gateway_given_up();
}

TEST_F(MonitorConsoleTest, AGatewayThatTellsOtherLabelsIsGivenUp) {
  enter("%list");
  open(1);
  asked<ipc::ListRequest>();
  auto instance = listed("default", "c1");
  instance.labels = std::vector<ipc::InstanceLabel>{{std::string("x"), std::string("y")}};
  tell(list({instance}));
  expect_gateway_given_up();
}

TEST_F(MonitorConsoleTest, AnOpenedInstanceIsNoAnswer) {
  enter("%list");
  open(1);
  asked<ipc::ListRequest>();
  tell(ipc::PlainReply{0, {}, std::string("x")});
  expect_gateway_given_up();
}

}  // namespace
}  // namespace ssh2incus
