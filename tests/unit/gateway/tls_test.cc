// https remotes: who is believed, and what hostile servers lead to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>

#include "gateway/endpoint_check.h"
#include "gateway/incus_client.h"
#include "tests/unit/gateway/tls_server.h"

namespace ssh2incus::test {
namespace {

using testing::HasSubstr;

constexpr int kPatienceMs = 10'000;

// Answers each request with these bytes and closes.
TlsServer::Handler answers(std::string bytes) {
  return [bytes = std::move(bytes)](SSL* connection) {
    std::array<char, 4096> request{};
    SSL_read(connection, request.data(), static_cast<int>(request.size()));
    SSL_write(connection, bytes.data(), static_cast<int>(bytes.size()));
    SSL_shutdown(connection);
  };
}

std::string json(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

// What a check of the endpoint says; empty: all is well.
std::string check(const NetworkServer& server, const ipc::IncusEndpoint& endpoint,
                  int patience_ms = kPatienceMs) {
  auto client = IncusClient::create(server);
  EXPECT_TRUE(client.ok());
  const Patience patience(-1, patience_ms);
  if (auto used = client->use(endpoint); !used.ok()) return used.failure().text;
  const auto checked = check_endpoint(*client, patience);
  auto stream = client->connect(patience);
  // Both ways of connecting judge alike.
  const bool reached = checked.ok() || checked.failure().kind != TargetFailure::kIncusUnreachable;
  EXPECT_EQ(stream.ok(), reached) << (stream.ok() ? "" : stream.failure().text);
  return checked.ok() ? "" : checked.failure().text;
}

TEST(TlsRemote, IsReachedWithItsPinnedCertificate) {
  std::atomic<bool> same = false;
  TlsServer* self = nullptr;
  TlsServer server([&](SSL* connection) {
    const std::unique_ptr<X509, decltype(&X509_free)> peer(SSL_get1_peer_certificate(connection),
                                                           X509_free);
    same = peer && X509_cmp(peer.get(), self->client().x509()) == 0;
    answers(json(R"({"metadata":{"auth":"trusted"}})"))(connection);
  });
  self = &server;
  EXPECT_EQ(check(server.server(), server.endpoint()), "");
  EXPECT_TRUE(same) << "the client's certificate";
}

TEST(TlsRemote, WithAnotherCertificateIsRefused) {
  TlsServer server(answers(json("{}")));
  ipc::IncusEndpoint endpoint = server.endpoint();
  endpoint.server_certificate = TestCertificate().pem();
  EXPECT_THAT(check(server.server(), endpoint),
              HasSubstr("isn't the one that this remote is known"));
}

TEST(TlsRemote, WithoutAPinnedCertificateNeedsAnAuthority) {
  TlsServer server(answers(json(R"({"metadata":{"auth":"trusted"}})")));
  ipc::IncusEndpoint endpoint = server.endpoint();
  endpoint.server_certificate = {};
  EXPECT_THAT(check(server.server(), endpoint), HasSubstr("its certificate isn't trusted: "));
  endpoint.authorities = server.certificate().pem();
  EXPECT_EQ(check(server.server(), endpoint), "");
}

TEST(TlsRemote, ThatDoesNotTrustUsIsNamed) {
  TlsServer server(answers(json(R"({"metadata":{"auth":"untrusted"}})")));
  EXPECT_THAT(check(server.server(), server.endpoint()),
              HasSubstr("doesn't trust this server's client certificate"));
}

TEST(TlsRemote, IsOnlyTheOneThatTheGatewayWasStartedFor) {
  TlsServer server(answers(json("{}")));
  ipc::IncusEndpoint other = server.endpoint();
  other.host = std::string("127.0.0.2");
  EXPECT_THAT(check(server.server(), other), HasSubstr("another remote"));
  ipc::IncusEndpoint local;
  local.socket_path = std::string("/socket");
  EXPECT_THAT(check(server.server(), local), HasSubstr("another remote"));
  auto client = IncusClient::create();
  EXPECT_FALSE(client->use(server.endpoint()).ok());
}

TEST(TlsRemote, WithoutAnAddressIsNamed) {
  ipc::IncusEndpoint endpoint;
  endpoint.host = std::string("no-such-host.invalid");
  endpoint.port = 1;
  EXPECT_THAT(check(look_up_server("no-such-host.invalid", 1), endpoint),
              HasSubstr("can't find the address of https://no-such-host.invalid:1"));
}

TEST(TlsRemote, NeedsSoundCertificates) {
  TlsServer server(answers(json("{}")));
  for (int field = 0; field < 4; ++field) {
    ipc::IncusEndpoint endpoint = server.endpoint();
    const std::string bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    if (field == 0) endpoint.server_certificate = bad;
    if (field == 1) endpoint.client_certificate = bad;
    if (field == 2) endpoint.client_key = {};
    if (field == 3) endpoint.client_key = TestCertificate().key_pem();
    EXPECT_THAT(check(server.server(), endpoint), HasSubstr("can't be used")) << field;
  }
}

TEST(TlsRemote, ThatSpeaksNoTlsIsNamed) {
  TlsServer honest(answers(json("{}")));
  ipc::IncusEndpoint endpoint = honest.endpoint();
  TcpServer garbage([](int fd) {
    const std::string text(5000, 'x');
    [[maybe_unused]] auto ignored = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
  });
  endpoint.port = garbage.server().port;
  EXPECT_THAT(check(garbage.server(), endpoint), HasSubstr("no TLS"));
  TcpServer closing([](int) {});
  endpoint.port = closing.server().port;
  EXPECT_THAT(check(closing.server(), endpoint), HasSubstr("can't reach Incus at https://"));
}

TEST(TlsRemote, ThatIsSilentIsGivenUp) {
  TlsServer honest(answers(json("{}")));
  ipc::IncusEndpoint endpoint = honest.endpoint();
  std::atomic<bool> over = false;
  TcpServer silent([&](int) {
    while (!over) usleep(10'000);
  });
  endpoint.port = silent.server().port;
  auto client = IncusClient::create(silent.server());
  ASSERT_TRUE(client->use(endpoint).ok());
  const Patience short_patience(-1, 300);
  auto stream = client->connect(short_patience);
  ASSERT_FALSE(stream.ok());
  EXPECT_THAT(stream.failure().text, HasSubstr("it doesn't answer"));
  EXPECT_FALSE(check_endpoint(*client, short_patience).ok());
  over = true;
}

TEST(TlsRemote, WithAnEndlessAnswerIsGivenUp) {
  const auto endless = [](const std::string& start) {
    return TlsServer::Handler([start](SSL* connection) {
      std::array<char, 4096> request{};
      SSL_read(connection, request.data(), static_cast<int>(request.size()));
      SSL_write(connection, start.data(), static_cast<int>(start.size()));
      const std::string more(8000, 'x');
      while (SSL_write(connection, more.data(), static_cast<int>(more.size())) > 0) {
      }
    });
  };
  for (const char* start : {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nX: "}) {
    TlsServer server(endless(start));
    auto client = IncusClient::create(server.server());
    ASSERT_TRUE(client->use(server.endpoint()).ok());
    const auto checked = check_endpoint(*client, Patience(-1, kPatienceMs));
    ASSERT_FALSE(checked.ok());
    EXPECT_EQ(checked.failure().kind, TargetFailure::kIncusError) << checked.failure().text;
    if (std::string_view(start).ends_with(": ")) {
      auto stream = client->connect(Patience(-1, kPatienceMs));
      ASSERT_TRUE(stream.ok());
      auto socket = ExecSocket::begin(std::move(*stream), "/1.0", Patience(-1, kPatienceMs));
      ASSERT_TRUE(socket.ok());
      EXPECT_FALSE(socket->finish_upgrade(Patience(-1, kPatienceMs)).ok());
    }
  }
}

}  // namespace
}  // namespace ssh2incus::test
