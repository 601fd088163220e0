// Plain mode in the monitor, between a hostile sessiond and a hostile gateway.
#include <sys/socket.h>

#include "tests/unit/monitor/monitor_fixture.h"

namespace ssh2incus {
namespace {

class MonitorPlainTest : public MonitorTest {
 protected:
  void enter() {
    start();
    go_to(MonitorState::kAuthenticated);
    gateway_request();
    ASSERT_TRUE(gateway_->send(ipc::PlainReply{1000, {}, std::string("because\x1b")}).ok());
    ready_ = expect<ipc::PlainReadyNotice>();
  }
  static ipc::PlainOpenRequest wish(std::uint32_t stream) {
    ipc::PlainOpenRequest request;
    request.stream = stream;
    request.program.command.emplace(std::string("id"));
    return request;
  }
  void open(std::uint32_t stream) {
    send(wish(stream));
    const auto request = gateway_->receive_message<ipc::ExecRequest>(10'000);
    ASSERT_TRUE(request.ok());
    EXPECT_EQ(request->stream, stream);
    EXPECT_EQ(**request->program.command, "id");
  }
  void answer(const auto& message, std::size_t sockets = 0) {
    std::vector<UniqueFd> pair;
    std::vector<int> fds;
    for (std::size_t i = 0; i < sockets; ++i) {
      std::array<int, 2> ends{};
      ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
      pair.emplace_back(ends[0]);
      pair.emplace_back(ends[1]);
      fds.push_back(ends[0]);
    }
    ASSERT_TRUE(gateway_->send(message, fds).ok());
  }
  void expect_started(std::uint32_t stream, std::size_t sockets) {
    std::vector<UniqueFd> fds;
    const auto notice = sessiond_->receive_message<ipc::PlainOpenedNotice>(10'000, &fds, sockets);
    ASSERT_TRUE(notice.ok()) << notice.error().message;
    EXPECT_EQ(notice->stream, stream);
  }
  // The connection goes on without the gateway, which has lied.
  void expect_gateway_given_up() {
    EXPECT_EQ(*expect<ipc::TargetFailedNotice>().text, "ssh2incus: the gateway answered wrongly");
    EXPECT_FALSE(*gateway_->receive(10'000));
  }
  ipc::PlainReadyNotice ready_;
};

TEST_F(MonitorPlainTest, TellsWhyAndHowManySessionsThereMayBe) {
  config_.max_sessions = 3;
  enter();
  EXPECT_EQ(*ready_.reason, "because\\x1b");
  EXPECT_EQ(ready_.max_sessions, 3U);
}

TEST_F(MonitorPlainTest, BoundsTheSessionsWhateverIsConfigured) {
  config_.max_sessions = 1000;
  enter();
  EXPECT_EQ(ready_.max_sessions, limits::kMaxPlainSessions);
}

TEST_F(MonitorPlainTest, PassesASessionOnFromBeginToEnd) {
  enter();
  open(1);
  answer(ipc::ExecStartedReply{1}, 4);
  expect_started(1, 4);
  send(ipc::PlainStatusRequest{1});
  ASSERT_TRUE(gateway_->receive_message<ipc::ExecStatusRequest>(10'000).ok());
  answer(ipc::ExecEndedReply{1, 7});
  EXPECT_EQ(expect<ipc::PlainExitedNotice>().status, 7U);
  open(2);
  answer(ipc::ExecStartedReply{2}, 2);
  expect_started(2, 2);
  open(3);
  answer(ipc::ExecFailedReply{3, std::string("no\x07")});
  EXPECT_EQ(*expect<ipc::PlainFailedNotice>().text, "no\\x07");
}

TEST_F(MonitorPlainTest, EndsASessiondThatAsksWithoutPlainMode) {
  start();
  go_to(MonitorState::kAuthenticated);
  gateway_request();
  send(wish(1));
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorPlainTest, EndsASessiondThatUsesAStreamTwice) {
  enter();
  open(1);
  send(wish(1));
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorPlainTest, EndsASessiondThatWantsMoreSessionsThanAllowed) {
  config_.max_sessions = 2;
  enter();
  open(1);
  open(2);
  send(wish(3));
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorPlainTest, ASessionThatIsClosedMakesRoomAndItsLateAnswersAreDropped) {
  config_.max_sessions = 1;
  enter();
  open(1);
  send(ipc::SessionOpenedNotice{1, false, {}});
  send(ipc::SessionClosedNotice{1, {}, {}, 0, 0});
  open(2);
  answer(ipc::ExecStartedReply{1}, 4);
  answer(ipc::ExecStartedReply{2}, 4);
  expect_started(2, 4);
}

TEST_F(MonitorPlainTest, EndsASessiondThatAsksForAStatusTooEarlyOrTwice) {
  enter();
  open(1);
  send(ipc::PlainStatusRequest{1});
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorPlainTest, EndsASessiondThatAsksForAStatusTwice) {
  enter();
  open(1);
  answer(ipc::ExecStartedReply{1}, 4);
  expect_started(1, 4);
  send(ipc::PlainStatusRequest{1});
  send(ipc::PlainStatusRequest{1});
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorPlainTest, GivesUpAGatewayThatAnswersWhatNobodyAsked) {
  enter();
  answer(ipc::ExecStartedReply{1}, 4);
  expect_gateway_given_up();
}

TEST_F(MonitorPlainTest, GivesUpAGatewayThatAnswersTwice) {
  enter();
  open(1);
  answer(ipc::ExecStartedReply{1}, 4);
  expect_started(1, 4);
  answer(ipc::ExecStartedReply{1}, 4);
  expect_gateway_given_up();
}

TEST_F(MonitorPlainTest, GivesUpAGatewayThatTellsAnEndBeforeItIsAsked) {
  enter();
  open(1);
  answer(ipc::ExecStartedReply{1}, 4);
  expect_started(1, 4);
  answer(ipc::ExecEndedReply{1, 0});
  expect_gateway_given_up();
}

TEST_F(MonitorPlainTest, TakesNoProgramWithoutItsStreams) {
  enter();
  open(1);
  answer(ipc::ExecStartedReply{1});
  expect_gateway_given_up();
}

TEST_F(MonitorPlainTest, TakesTwoOrFourStreamsOnly) {
  enter();
  open(1);
  answer(ipc::ExecStartedReply{1}, 3);
  expect_gateway_given_up();
}

TEST_F(MonitorPlainTest, GivesUpAGatewayThatIsReadyTwice) {
  enter();
  answer(ipc::PlainReply{0, {}, {}});
  expect_gateway_given_up();
}

TEST_F(MonitorPlainTest, GivesUpAGatewayThatHasAGuestAfterAll) {
  enter();
  answer(ipc::ReadyReply{0, {}}, 4);
  expect_gateway_given_up();
}

TEST_F(MonitorPlainTest, GivesUpAGatewayThatStartsProgramsBesideAGuest) {
  start();
  go_to(MonitorState::kAuthenticated);
  gateway_request();
  answer(ipc::ExecStartedReply{1}, 4);
  expect_gateway_given_up();
}

TEST_F(MonitorPlainTest, TellsThatTheGatewayHasGoneAndTakesWhatIsOnItsWay) {
  enter();
  open(1);
  gateway_.reset();
  EXPECT_EQ(*expect<ipc::TargetFailedNotice>().text, "ssh2incus: the gateway ended unexpectedly");
  send(wish(2));
  send(ipc::PlainStatusRequest{1});
  sessiond_.reset();
  EXPECT_EQ(ended(), ConnectionEnd::kLoggedIn);
}

TEST(PlainSessions, AreBoundedAndNumberedUpwards) {
  PlainSessions sessions(2);
  EXPECT_FALSE(sessions.open(0));
  EXPECT_TRUE(sessions.open(5));
  EXPECT_FALSE(sessions.open(4));
  EXPECT_TRUE(sessions.open(6));
  EXPECT_FALSE(sessions.open(7));
  sessions.close(5);
  EXPECT_TRUE(sessions.open(7));
  EXPECT_EQ(sessions.started(5), PlainSessions::Answer::kLate);
  EXPECT_EQ(sessions.started(8), PlainSessions::Answer::kUnasked);
  EXPECT_EQ(sessions.started(0), PlainSessions::Answer::kUnasked);
}

TEST(PlainSessions, AFailedOneIsOver) {
  PlainSessions sessions(1);
  EXPECT_TRUE(sessions.open(1));
  EXPECT_EQ(sessions.failed(1), PlainSessions::Answer::kExpected);
  EXPECT_FALSE(sessions.ask_status(1));
  EXPECT_TRUE(sessions.open(2));
  EXPECT_EQ(sessions.started(2), PlainSessions::Answer::kExpected);
  EXPECT_EQ(sessions.failed(2), PlainSessions::Answer::kUnasked);
}

}  // namespace
}  // namespace ssh2incus
