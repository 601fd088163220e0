// What a hostile guest may say of connections and listeners: each lie ends the link.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/sessiond_link/lying_guest.h"

namespace ssh2incus::test {
namespace {

class HostileForward : public LyingGuest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(LyingGuest::SetUp());
    listener = observer.link->open_listener(OpenListener{});
    connection = observer.link->open_connection(OpenConnection{});
    session = observer.link->open_session(OpenSession{});
  }
  void listen() {
    send(FrameType::kListening, listener, Listening{8080});
    ASSERT_TRUE(observer.run_until([&] { return observer.logs[listener].listening.has_value(); }));
  }
  void accept(std::uint32_t id, std::uint32_t from, AcceptedKind kind = AcceptedKind::kForwarded) {
    send(FrameType::kAccepted, id, Accepted{kind, from, std::string("10.0.0.9"), 1234});
  }

  std::uint32_t listener = 0;
  std::uint32_t connection = 0;
  std::uint32_t session = 0;
  static constexpr std::uint32_t kFirst = kFirstAcceptedStream;
};

TEST_F(HostileForward, AnHonestOneIsHeard) {
  listen();
  accept(kFirst, listener);
  ASSERT_TRUE(observer.run_until([&] { return observer.logs[kFirst].accepted.has_value(); }));
  observer.link->open_accepted(kFirst);
  send(FrameType::kData, kFirst, Bytes{'x'});
  send(FrameType::kEof, kFirst, Bytes{});
  send(FrameType::kClosed, kFirst, Bytes{});
  ASSERT_TRUE(observer.run_until([&] { return observer.logs[kFirst].closed; }));
  EXPECT_EQ(observer.logs[kFirst].output, "x");
  EXPECT_FALSE(observer.link->is_live(kFirst));
  EXPECT_FALSE(observer.broken.has_value());
}

TEST_F(HostileForward, ListensTwice) {
  listen();
  send(FrameType::kListening, listener, Listening{8080});
  expect_broken("listening twice");
}

TEST_F(HostileForward, ListensWhereAConnectionWasWanted) {
  send(FrameType::kListening, connection, Listening{8080});
  expect_broken("before a stream was opened");
}

TEST_F(HostileForward, OpensAListener) {
  send(FrameType::kOpened, listener, Opened{});
  expect_broken("before a stream was opened");
}

TEST_F(HostileForward, AcceptsBeforeItListens) {
  accept(kFirst, listener);
  expect_broken("connection of no listener");
}

TEST_F(HostileForward, AcceptsForUnknownListeners) {
  listen();
  accept(kFirst, 1000);
  expect_broken("unknown listener");
}

TEST_F(HostileForward, AcceptsForAConnection) {
  send(FrameType::kOpened, connection, Opened{});
  accept(kFirst, connection);
  expect_broken("connection of no listener");
}

TEST_F(HostileForward, AcceptsForAnAgentThatNobodyShares) {
  send(FrameType::kOpened, session, Opened{});
  accept(kFirst, session, AcceptedKind::kAgent);
  expect_broken("nobody has shared");
}

TEST_F(HostileForward, AcceptsForADisplayThatNobodyWanted) {
  send(FrameType::kOpened, session, Opened{});
  accept(kFirst, session, AcceptedKind::kX11);
  expect_broken("connection of no listener");
}

TEST_F(HostileForward, UsesANumberTwice) {
  listen();
  accept(kFirst + 1, listener);
  accept(kFirst, listener);
  expect_broken("used again");
}

TEST_F(HostileForward, UsesANumberOfOurs) {
  listen();
  accept(connection, listener);
  expect_broken("used again");
}

TEST_F(HostileForward, SendsDataWithoutCredit) {
  listen();
  accept(kFirst, listener);
  send(FrameType::kData, kFirst, Bytes{'x'});
  expect_broken("more data than was granted");
}

TEST_F(HostileForward, SendsDataOfAListener) {
  listen();
  send(FrameType::kData, listener, Bytes{'x'});
  expect_broken("data of a listener");
}

TEST_F(HostileForward, SendsStderrOfAConnection) {
  send(FrameType::kOpened, connection, Opened{});
  send(FrameType::kExtendedData, connection, Bytes{'x'});
  expect_broken("stderr of a connection");
}

TEST_F(HostileForward, SendsAnExitOfAConnection) {
  send(FrameType::kOpened, connection, Opened{});
  send(FrameType::kExited, connection, Exited{});
  expect_broken("unexpected frame");
}

TEST_F(HostileForward, ClosesASession) {
  send(FrameType::kOpened, session, Opened{});
  send(FrameType::kClosed, session, Bytes{});
  expect_broken("unexpected frame");
}

TEST_F(HostileForward, AcceptsWithoutEnd) {
  listen();
  for (std::uint32_t i = 0; i <= limits::kMaxForwardedConnections && !observer.broken; ++i) {
    accept(kFirst + i, listener);
    if (i % 100 == 0) observer.run_until([] { return false; }, 1);
  }
  expect_broken("too many connections");
  EXPECT_EQ(observer.accepted_streams.size(), limits::kMaxForwardedConnections);
}

TEST_F(HostileForward, EndedConnectionsMakeRoom) {
  listen();
  for (std::uint32_t i = 0; i < limits::kMaxForwardedConnections + 50; ++i) {
    accept(kFirst + i, listener);
    send(FrameType::kClosed, kFirst + i, Bytes{});
    if (i % 50 == 0) observer.run_until([] { return false; }, 1);
  }
  EXPECT_TRUE(observer.run_until(
      [&] { return observer.accepted_streams.size() == limits::kMaxForwardedConnections + 50; }));
  EXPECT_FALSE(observer.broken.has_value());
}

TEST_F(HostileForward, MayAcceptForAListenerThatIsJustClosed) {
  listen();
  observer.link->send_close(listener);
  accept(kFirst, listener);
  send(FrameType::kClosed, kFirst, Bytes{});
  EXPECT_FALSE(observer.run_until([&] { return observer.broken.has_value(); }, 200));
  EXPECT_TRUE(observer.accepted_streams.empty());
}

TEST_F(HostileForward, RefusesWithReasons) {
  send(FrameType::kOpenFailed, connection,
       OpenFailed{std::string("no"), OpenFailure::kConnectFailed});
  ASSERT_TRUE(observer.run_until([&] { return observer.logs[connection].refused.has_value(); }));
  EXPECT_EQ(observer.logs[connection].reason, OpenFailure::kConnectFailed);
}

TEST_F(HostileForward, RefusesForNoReasonThatThereIs) {
  auto payload = ipc::encode_fields(OpenFailed{std::string("no"), OpenFailure::kConnectFailed});
  payload.back() = 9;
  send(FrameType::kOpenFailed, connection, payload);
  expect_broken("malformed");
}

}  // namespace
}  // namespace ssh2incus::test
