// Connections and listeners of a real guest, for a sessiond that is honest, and one that isn't.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "guest/listener.h"
#include "guest/unix_socket.h"
#include "tests/unit/guest/guest_process.h"

namespace ssh2incus::test {
namespace {

using testing::HasSubstr;

GuestGrant forwarding() {
  auto grant = grant_for("root");
  grant.forward.local = grant.forward.remote = grant.forward.agent = true;
  return grant;
}

// A listener of the test itself, on a free port of 127.0.0.1.
class Peer {
 public:
  Peer() : listener_(*guest::Listener::on_loopback(0)) {}
  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }
  UniqueFd accept() {
    for (int i = 0; i < 1000; ++i) {
      if (auto peer = listener_.accept()) {
        timeval limit{10, 0};
        setsockopt(peer->socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        fcntl(peer->socket.get(), F_SETFL, 0);
        return std::move(peer->socket);
      }
      usleep(5000);
    }
    return UniqueFd();
  }

 private:
  guest::Listener listener_;
};

UniqueFd connect_to(std::uint16_t port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto name = guest::NetworkAddress::parse("127.0.0.1")->with_port(port);
  EXPECT_EQ(connect(socket.get(), name.get(), name.length), 0);
  timeval limit{10, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  return socket;
}

std::string read_some(const UniqueFd& socket) {
  std::array<char, 1000> buffer{};
  const auto count = read(socket.get(), buffer.data(), buffer.size());
  return count < 0 ? "error" : std::string(buffer.data(), static_cast<std::size_t>(count));
}

class GuestForwards : public testing::Test {
 protected:
  void start(const GuestGrant& grant) {
    guest.emplace(grant);
    ASSERT_EQ(guest->hello().outcome, GuestOutcome::kReady);
  }
  // The answer to it has come.
  StreamLog& connect(std::uint32_t stream, const std::string& host, std::uint16_t port) {
    guest->send(FrameType::kOpenConnection, stream,
                OpenConnection{.host = host, .port = port, .path = {}});
    auto& log = guest->log(stream);
    EXPECT_TRUE(guest->read_until([&] { return log.opened || log.refused; }));
    return log;
  }
  StreamLog& listen(std::uint32_t stream, const std::string& host = "localhost") {
    guest->send(FrameType::kOpenListener, stream,
                OpenListener{.host = host, .port = 0, .path = {}});
    auto& log = guest->log(stream);
    EXPECT_TRUE(guest->read_until([&] { return log.listening || log.refused; }));
    return log;
  }
  void expect_end(const std::string& reason) {
    guest->read_until([] { return false; }, std::chrono::milliseconds(500));
    EXPECT_TRUE(guest->ends());
    EXPECT_THAT(guest->complaints(), HasSubstr(reason));
  }

  std::optional<GuestProcess> guest;
  static constexpr std::uint32_t kFirst = kFirstAcceptedStream;
};

TEST_F(GuestForwards, CarryBytesAndBothEnds) {
  start(forwarding());
  Peer peer;
  ASSERT_TRUE(connect(1, "", peer.port()).opened);
  auto socket = peer.accept();
  guest->send_text(1, "to the peer");
  EXPECT_EQ(read_some(socket), "to the peer");
  guest->send(FrameType::kEof, 1);
  EXPECT_EQ(read_some(socket), "");
  ASSERT_EQ(write(socket.get(), "back", 4), 4);
  socket.reset();
  EXPECT_TRUE(guest->read_until([&] { return guest->log(1).closed; }));
  EXPECT_EQ(guest->log(1).output, "back");
  EXPECT_TRUE(guest->log(1).eof);
}

TEST_F(GuestForwards, WhatWasSentBeforeTheCloseStillArrives) {
  start(forwarding());
  Peer peer;
  ASSERT_TRUE(connect(1, "127.0.0.1", peer.port()).opened);
  auto socket = peer.accept();
  guest->send(FrameType::kData, 1, Bytes(200'000, 'x'));
  guest->send(FrameType::kData, 1, Bytes(200'000, 'x'));
  guest->send(FrameType::kData, 1, Bytes(200'000, 'x'));
  guest->send(FrameType::kClose, 1);
  std::size_t total = 0;
  for (auto text = read_some(socket); !text.empty() && text != "error"; text = read_some(socket)) {
    total += text.size();
  }
  EXPECT_EQ(total, 600'000U);
}

TEST_F(GuestForwards, ReasonsAreTold) {
  auto grant = forwarding();
  grant.forward.denied = std::vector<DeniedNetwork>{{Bytes{169, 254, 0, 0}, 16, 0}};
  start(grant);
  const auto& refused = connect(1, "127.0.0.1", 1);
  EXPECT_EQ(refused.reason, OpenFailure::kConnectFailed);
  EXPECT_EQ(refused.refused, "Connection refused");
  EXPECT_EQ(connect(2, "169.254.169.254", 80).reason, OpenFailure::kProhibited);
  EXPECT_EQ(connect(3, "::ffff:169.254.169.254", 80).reason, OpenFailure::kProhibited);
  EXPECT_EQ(connect(4, "no such name", 80).refused, "not a host name");
  EXPECT_THAT(*connect(5, "no-such-name.invalid", 80).refused, HasSubstr("name not found"));
  EXPECT_THAT(*connect(6, std::string("a\0b", 3), 80).refused, HasSubstr("NUL"));
}

TEST_F(GuestForwards, ManyNamesAreLookedUpAFewAtATime) {
  start(forwarding());
  Peer peer;
  constexpr std::uint32_t kMany = 100;  // within the backlog of the peer
  for (std::uint32_t stream = 1; stream <= kMany; ++stream) {
    guest->send(FrameType::kOpenConnection, stream,
                OpenConnection{.host = std::string("localhost"), .port = peer.port(), .path = {}});
  }
  for (std::uint32_t stream = 1; stream <= kMany; ++stream) {
    EXPECT_TRUE(guest->read_until([&] { return guest->log(stream).opened.has_value(); })) << stream;
  }
}

TEST_F(GuestForwards, TheGrantHolds) {
  start(grant_for("root"));
  EXPECT_EQ(connect(1, "127.0.0.1", 1).reason, OpenFailure::kProhibited);
  EXPECT_EQ(listen(2).reason, OpenFailure::kProhibited);
  OpenSession request = command("echo =$SSH_AUTH_SOCK=");
  request.agent = true;
  request.x11.emplace();
  guest->send(FrameType::kOpenSession, 3, request);
  EXPECT_TRUE(guest->read_until([&] { return guest->log(3).over(); }));
  EXPECT_EQ(guest->log(3).output, "==\n");
  EXPECT_THAT(guest->log(3).errors, HasSubstr("agent forwarding is not allowed"));
}

TEST_F(GuestForwards, ConnectionsAreLimited) {
  auto grant = forwarding();
  grant.forward.max_connections = 2;
  grant.forward.max_listeners = 1;
  start(grant);
  Peer peer;
  EXPECT_TRUE(connect(1, "", peer.port()).opened);
  EXPECT_TRUE(connect(2, "", peer.port()).opened);
  EXPECT_EQ(connect(3, "", peer.port()).reason, OpenFailure::kResourceShortage);
  guest->send(FrameType::kClose, 1);
  EXPECT_TRUE(connect(4, "", peer.port()).opened);
  EXPECT_TRUE(listen(5).listening);
  EXPECT_EQ(listen(6).reason, OpenFailure::kResourceShortage);
}

TEST_F(GuestForwards, AcceptedConnectionsWaitForCredit) {
  start(forwarding());
  const auto port = *listen(1).listening;
  auto socket = connect_to(port);
  ASSERT_EQ(write(socket.get(), "early", 5), 5);
  ASSERT_TRUE(guest->read_until([&] { return guest->log(kFirst).accepted.has_value(); }));
  EXPECT_EQ(guest->log(kFirst).accepted->listener, 1U);
  EXPECT_EQ(*guest->log(kFirst).accepted->originator_address, "127.0.0.1");
  guest->read_until([] { return false; }, std::chrono::milliseconds(100));
  EXPECT_EQ(guest->log(kFirst).output, "");
  guest->send(FrameType::kWindowAdjust, kFirst, WindowAdjust{100});
  EXPECT_TRUE(guest->read_until([&] { return guest->log(kFirst).output == "early"; }));
  guest->send(FrameType::kClose, 1);  // the listener; the connection stays
  guest->send_text(kFirst, "late");
  EXPECT_EQ(read_some(socket), "late");
}

TEST_F(GuestForwards, UnixSocketsAreTheirOwnersAndGo) {
  start(forwarding());
  const std::string path = "/tmp/s2i-forward-" + std::to_string(getpid());
  guest->send(FrameType::kOpenListener, 1, OpenListener{.host = {}, .port = 0, .path = path});
  ASSERT_TRUE(guest->read_until([&] { return guest->log(1).listening.has_value(); }));
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  guest->send(FrameType::kOpenConnection, 2, OpenConnection{.host = {}, .port = 0, .path = path});
  EXPECT_TRUE(
      guest->read_until([&] { return guest->log(2).opened && guest->log(kFirst).accepted; }));
  guest->close_input();
  EXPECT_TRUE(guest->ends());
  EXPECT_NE(stat(path.c_str(), &status), 0);
}

TEST_F(GuestForwards, TheAgentsSocketGoesWithTheGuestEvenIfItIsKilled) {
  for (const bool killed : {false, true}) {
    start(forwarding());
    OpenSession request = command("echo $SSH_AUTH_SOCK");
    request.agent = true;
    guest->send(FrameType::kOpenSession, 1, request);
    ASSERT_TRUE(guest->read_until([&] { return guest->log(1).over(); }));
    std::string path = guest->log(1).output;
    path.pop_back();
    const auto folder = std::filesystem::path(path).parent_path();
    ASSERT_TRUE(std::filesystem::exists(path));
    if (killed) {
      kill(guest->worker(), SIGKILL);
    } else {
      guest->close_input();
    }
    EXPECT_TRUE(guest->ends());
    EXPECT_FALSE(std::filesystem::exists(folder));
    guest.reset();
  }
}

TEST_F(GuestForwards, AHostileSessiondUsesANumberTwice) {
  start(forwarding());
  Peer peer;
  connect(1, "", peer.port());
  guest->send(FrameType::kOpenConnection, 1, OpenConnection{});
  expect_end("used again");
}

TEST_F(GuestForwards, AHostileSessiondUsesNumbersOfAcceptedStreams) {
  start(forwarding());
  guest->send(FrameType::kOpenListener, kFirst, OpenListener{});
  expect_end("used again");
}

TEST_F(GuestForwards, AHostileSessiondSendsMoreThanGranted) {
  start(forwarding());
  Peer peer;
  connect(1, "", peer.port());
  auto socket = peer.accept();
  for (int i = 0; i < 60; ++i) guest->send(FrameType::kData, 1, Bytes(100'000, 'x'));
  expect_end("more data than was granted");
}

TEST_F(GuestForwards, AHostileSessiondSendsDataToAListener) {
  start(forwarding());
  listen(1);
  guest->send_text(1, "x");
  expect_end("unexpected frame for a listener");
}

TEST_F(GuestForwards, AHostileSessiondOverflowsTheCredit) {
  start(forwarding());
  Peer peer;
  connect(1, "", peer.port());
  guest->send(FrameType::kWindowAdjust, 1, WindowAdjust{0x7fffffff});
  expect_end("credit overflow");
}

TEST_F(GuestForwards, AHostileSessiondSendsSignalsToAConnection) {
  start(forwarding());
  Peer peer;
  connect(1, "", peer.port());
  guest->send(FrameType::kSignal, 1, SignalRequest{std::string("KILL")});
  expect_end("unexpected frame for a connection");
}

TEST(GuestListeners, BindWhereGatewayPortsSays) {
  const auto texts = [](GatewayPorts rule, std::string_view wanted) {
    std::string text;
    for (const auto& address : guest::addresses_to_listen_on(rule, wanted)) {
      text += address.text() + " ";
    }
    return text;
  };
  using enum GatewayPorts;
  for (const char* wanted : {"", "*", "0.0.0.0", "localhost", "192.0.2.1", "nonsense"}) {
    EXPECT_EQ(texts(kNo, wanted), "127.0.0.1 ::1 ") << wanted;
    EXPECT_EQ(texts(kYes, wanted), "0.0.0.0 :: ") << wanted;
  }
  EXPECT_EQ(texts(kNo, "::1"), "::1 ");
  EXPECT_EQ(texts(kNo, "127.0.0.1"), "127.0.0.1 ");
  EXPECT_EQ(texts(kClientSpecified, ""), "0.0.0.0 :: ");
  EXPECT_EQ(texts(kClientSpecified, "*"), "0.0.0.0 :: ");
  EXPECT_EQ(texts(kClientSpecified, "localhost"), "127.0.0.1 ::1 ");
  EXPECT_EQ(texts(kClientSpecified, "192.0.2.1"), "192.0.2.1 ");
  EXPECT_EQ(texts(kClientSpecified, "nonsense"), "");
}

}  // namespace
}  // namespace ssh2incus::test
