// Logins to remotes: which endpoint the gateway gets, and that the gateway of an https remote
// stays.
#include <fcntl.h>
#include <gmock/gmock.h>

#include "monitor/remotes.h"
#include "tests/unit/monitor/monitor_fixture.h"

namespace ssh2incus {
namespace {

using testing::HasSubstr;

class MonitorRemoteTest : public MonitorTest {
 protected:
  MonitorRemoteTest() {
    config_.incus_socket = "/socket";
    auto table = std::make_shared<RemoteTable>();
    table->remotes.by_name["local"].socket_path = "/socket";
    Remote& prod = table->remotes.by_name["prod"];
    prod.host = "prod.example";
    prod.port = 8443;
    prod.project = "web";
    table->remotes.by_name["images"].refusal = "it is an image server";
    RemoteCredentials& credentials = table->credentials["prod"];
    credentials.server_certificate = "server";
    credentials.client_certificate = "client";
    credentials.client_key = Secret::copy_of(Bytes{'k', 'e', 'y'});
    config_.remotes = table;
  }
  void log_in(const std::string& login) {
    login_ = login;
    start();
    go_to(MonitorState::kAuthenticated);
  }
  // What the client is told instead of a session.
  std::string failure() {
    const auto failed = sessiond_->receive_message<ipc::TargetFailedNotice>(10'000);
    return failed.ok() ? *failed->text : "error: " + failed.error().message;
  }
  void become_ready() {
    const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    const std::array fds = {null.get(), null.get(), null.get(), null.get()};
    ASSERT_TRUE(gateway_->send(ipc::ReadyReply{}, fds).ok());
    std::vector<UniqueFd> received;
    ASSERT_TRUE(sessiond_->receive_message<ipc::TargetReadyNotice>(10'000, &received, 4).ok());
  }
  // Whether the monitor has closed the gateway's channel.
  bool gateway_is_let_go() {
    const auto packet = gateway_->receive(500);
    return packet.ok() && !*packet;
  }
};

TEST_F(MonitorRemoteTest, GiveTheGatewayTheEndpointAndItsProject) {
  log_in("prod:c1");
  const ipc::OpenRequest request = gateway_request();
  EXPECT_TRUE(request.endpoint.socket_path.empty());
  EXPECT_EQ(*request.endpoint.host, "prod.example");
  EXPECT_EQ(request.endpoint.port, 8443);
  EXPECT_EQ(*request.endpoint.server_certificate, "server");
  EXPECT_EQ(*request.endpoint.client_certificate, "client");
  EXPECT_EQ(request.endpoint.client_key->text(), "key");
  EXPECT_EQ(*request.project, "web");
}

TEST_F(MonitorRemoteTest, GiveNoCredentialsToTheGatewayOfASocket) {
  log_in("local:c1");
  const ipc::OpenRequest request = gateway_request();
  EXPECT_EQ(*request.endpoint.socket_path, "/socket");
  EXPECT_TRUE(request.endpoint.client_key->empty());
  EXPECT_EQ(*request.project, "default");
  become_ready();
  EXPECT_TRUE(gateway_is_let_go());
}

TEST_F(MonitorRemoteTest, MeanTheDefaultOneIfTheyNameNone) {
  config_.remotes->remotes.default_name = "prod";
  log_in("c1.other");
  const ipc::OpenRequest request = gateway_request();
  EXPECT_EQ(*request.endpoint.host, "prod.example");
  EXPECT_EQ(*request.project, "other");
}

TEST_F(MonitorRemoteTest, KeepTheGatewayThatCarriesTheStreams) {
  log_in("prod:c1");
  gateway_request();
  become_ready();
  EXPECT_FALSE(gateway_is_let_go());
  gateway_.reset();  // the remote has gone: the streams' ends say so, not the monitor
  const auto silence = sessiond_->receive(300);
  EXPECT_FALSE(silence.ok());
  sessiond_.reset();
  EXPECT_EQ(ended(), ConnectionEnd::kLoggedIn);
}

TEST_F(MonitorRemoteTest, GetNothingMoreFromAGatewayThatCarries) {
  log_in("prod:c1");
  gateway_request();
  become_ready();
  ASSERT_TRUE(gateway_->send(ipc::GatewayProgress{std::string("x")}).ok());
  EXPECT_TRUE(gateway_is_let_go());
}

TEST_F(MonitorRemoteTest, AreToldAfterwardsThatThereIsNoSuchRemote) {
  log_in("nowhere:c1");
  EXPECT_THAT(failure(), HasSubstr("there is no remote nowhere"));
}

TEST_F(MonitorRemoteTest, AreToldWhyARemoteCannotBeUsed) {
  log_in("images:c1");
  EXPECT_THAT(failure(), HasSubstr("it is an image server"));
}

TEST_F(MonitorRemoteTest, AreJudgedByTheNameOfTheRemote) {
  AccessPolicy policy;
  policy.rules.resize(1);
  policy.rules[0].remotes.patterns = {{"prod", false}};
  policy.rules[0].grant.actions = ActionSet::all();
  config_.access_policy = std::make_shared<const AccessPolicy>(policy);
  config_.remotes->remotes.default_name = "prod";
  log_in("c1");
  EXPECT_EQ(*gateway_request().endpoint.host, "prod.example");
  TearDown();
  gateway_promise_ = {};
  log_in("local:c1");
  EXPECT_THAT(failure(), HasSubstr("access policy"));
}

}  // namespace
}  // namespace ssh2incus
