// Who a load balancer's client is: told once, before anything else, judged by the listener, and
// what everything that asks for an address gets from then on.
#include "monitor/ipc_listener.h"
#include "tests/unit/monitor/monitor_fixture.h"

namespace ssh2incus {
namespace {

class ProxiedMonitor : public MonitorTest {
 protected:
  void SetUp() override {
    MonitorTest::SetUp();
    with_listener_ = true;
    proxied_ = true;
  }
  static ipc::ProxyHeaderRequest header() {
    return {Bytes{198, 51, 100, 7}, 4000, Bytes{203, 0, 113, 1}, 22};
  }
  void answer(SourceVerdict verdict) {
    const auto request = listener_->receive_message<SourceRequest>(10'000);
    ASSERT_TRUE(request.ok()) << request.error().message;
    asked_for_ = *request->address;
    ASSERT_TRUE(listener_->send(SourceReply{verdict}).ok());
  }
  Bytes asked_for_;
};

TEST_F(ProxiedMonitor, TakesTheAddressForThatOfTheClient) {
  start();
  go_to(MonitorState::kAwaitingSource);
  EXPECT_TRUE(hello_.proxied);
  send(header());
  answer(SourceVerdict::kAdmitted);
  EXPECT_EQ(asked_for_, (Bytes{198, 51, 100, 7}));
  EXPECT_FALSE(expect<ipc::ProxyHeaderReply>().refusal);
  send(ipc::SignRequest{0, ipc::SignatureAlgorithm::kSshEd25519, session_id_});
  expect<ipc::SignReply>();
  send(ipc::AuthStartRequest{login_});
  expect<ipc::AuthStartReply>();
  send(signed_request(key_, session_id_, login_));
  ASSERT_EQ(expect<ipc::AuthReply>().outcome, ipc::AuthOutcome::kSuccess);
  const auto request = gateway_request();
  bool told = false;
  for (const auto& entry : request.guest.environment) {
    if (*entry.name == "SSH_CONNECTION") told = *entry.value == "198.51.100.7 4000 203.0.113.1 22";
  }
  EXPECT_TRUE(told);
  ASSERT_FALSE(key_requests_.empty());
  EXPECT_EQ(*key_requests_.front().source_address, "198.51.100.7");
}

TEST_F(ProxiedMonitor, KeepsTheBalancersAddressIfTheHeaderHasNone) {
  start();
  go_to(MonitorState::kAwaitingSource);
  send(ipc::ProxyHeaderRequest{});
  answer(SourceVerdict::kAdmitted);
  EXPECT_TRUE(asked_for_.empty());
  EXPECT_FALSE(expect<ipc::ProxyHeaderReply>().refusal);
}

TEST_F(ProxiedMonitor, RefusesWhomTheListenerRefuses) {
  for (const auto& [verdict, text] : {std::pair(SourceVerdict::kPenalised, kPenalisedText),
                                      std::pair(SourceVerdict::kTooMany, kTooManyText)}) {
    start();
    go_to(MonitorState::kAwaitingSource);
    send(header());
    answer(verdict);
    const auto reply = expect<ipc::ProxyHeaderReply>();
    ASSERT_TRUE(reply.refusal);
    EXPECT_EQ(**reply.refusal, text);
    sessiond_.reset();
    EXPECT_EQ(ended(), ConnectionEnd::kRefused);
    TearDown();
  }
}

TEST_F(ProxiedMonitor, HearsNothingOfARefusedClient) {
  start();
  go_to(MonitorState::kAwaitingSource);
  send(header());
  answer(SourceVerdict::kPenalised);
  expect<ipc::ProxyHeaderReply>();
  send(ipc::SignRequest{0, ipc::SignatureAlgorithm::kSshEd25519, session_id_});
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(ProxiedMonitor, NeedsTheAddressBeforeAnythingElse) {
  start();
  go_to(MonitorState::kAwaitingSource);
  send(ipc::SignRequest{0, ipc::SignatureAlgorithm::kSshEd25519, session_id_});
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(ProxiedMonitor, IsToldOnce) {
  start();
  go_to(MonitorState::kAwaitingSource);
  send(header());
  answer(SourceVerdict::kAdmitted);
  expect<ipc::ProxyHeaderReply>();
  send(header());
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(ProxiedMonitor, RefusesAddressesOfNoKnownLength) {
  for (const auto& lie : {ipc::ProxyHeaderRequest{Bytes(5), 1, Bytes(4), 1},
                          ipc::ProxyHeaderRequest{Bytes(4), 1, Bytes{}, 1},
                          ipc::ProxyHeaderRequest{Bytes{}, 1, Bytes(16), 1}}) {
    start();
    go_to(MonitorState::kAwaitingSource);
    send(lie);
    EXPECT_EQ(ended(), ConnectionEnd::kViolation);
    TearDown();
  }
}

TEST_F(ProxiedMonitor, GoesOnWithoutAListener) {
  start();
  go_to(MonitorState::kAwaitingSource);
  config_.master = true;
  listener_.reset();
  send(header());
  EXPECT_FALSE(expect<ipc::ProxyHeaderReply>().refusal);
}

TEST_F(MonitorTest, IsNotToldByAnybodyButABalancersSessiond) {
  start();
  go_to(MonitorState::kKeyExchange);
  EXPECT_FALSE(hello_.proxied);
  send(ipc::ProxyHeaderRequest{Bytes(4), 1, Bytes(4), 1});
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

}  // namespace
}  // namespace ssh2incus
