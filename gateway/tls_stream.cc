// OpenSSL on a non-blocking TCP socket.
#include "gateway/tls_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "gateway/text.h"

namespace ssh2incus {
namespace {

using Kind = StreamStep::Kind;

Failure unreachable(const NetworkServer& server, const std::string& why) {
  return {TargetFailure::kIncusUnreachable, "can't reach Incus at " + url_of(server) + ": " + why};
}

Outcome<UniqueFd> connect_to(const NetworkServer& server, const NetworkAddress& address,
                             const Patience& patience) {
  UniqueFd fd(
      socket(address.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (!fd.valid()) return unreachable(server, std::strerror(errno));
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const auto* raw = reinterpret_cast<const sockaddr*>(&address.address);
  if (connect(fd.get(), raw, address.size) == 0) return fd;
  if (errno != EINPROGRESS) return unreachable(server, std::strerror(errno));
  auto waited = patience.wait(fd.get(), POLLOUT, "the connection");
  if (!waited.ok()) {
    if (waited.failure().kind != TargetFailure::kTimedOut) return waited.failure();
    return unreachable(server, "it doesn't answer");
  }
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return unreachable(server, std::strerror(error));
  return fd;
}

// Each address in turn, with its share of what time is left.
Outcome<UniqueFd> connect_to_any(const NetworkServer& server, const Patience& patience) {
  if (server.addresses.empty()) return unreachable(server, server.failure);
  auto last = Outcome<UniqueFd>(Patience::timed_out("the connection"));
  int rest = static_cast<int>(server.addresses.size());
  for (const NetworkAddress& address : server.addresses) {
    last = connect_to(server, address, patience.at_most(patience.left_ms() / rest--));
    if (last.ok() || last.failure().kind != TargetFailure::kIncusUnreachable) break;
  }
  return last;
}

std::string why_openssl_refused() {
  const unsigned long error = ERR_peek_last_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  ERR_clear_error();
  return reason == nullptr ? "it closed the connection" : reason;
}

Failure refused(const NetworkServer& server, const TlsSettings& settings, const SSL* connection) {
  if (settings.is_pinned() && settings.was_another()) {
    ERR_clear_error();
    return unreachable(server, "its certificate isn't the one that this remote is known by");
  }
  const long verdict = SSL_get_verify_result(connection);
  if (verdict != X509_V_OK) {
    ERR_clear_error();
    return unreachable(server, std::string("its certificate isn't trusted: ") +
                                   X509_verify_cert_error_string(verdict));
  }
  return unreachable(server, "no TLS: " + cut_text(why_openssl_refused()));
}

}  // namespace

std::string url_of(const NetworkServer& server) {
  const bool is_ipv6 = server.host.find(':') != std::string::npos;
  return "https://" + (is_ipv6 ? "[" + server.host + "]" : server.host) + ":" +
         std::to_string(server.port);
}

Outcome<TlsStream> TlsStream::connect(const NetworkServer& server, const TlsSettings& settings,
                                      const Patience& patience) {
  const Patience shorter = patience.at_most(limits::kRemoteConnectMs);
  TlsStream self(TRY_OUTCOME(connect_to_any(server, shorter)));
  TRY_OUTCOME(self.shake_hands(server, settings, shorter));
  return self;
}

Outcome<Done> TlsStream::shake_hands(const NetworkServer& server, const TlsSettings& settings,
                                     const Patience& patience) {
  connection_.reset(SSL_new(settings.context()));
  if (!connection_ || SSL_set_fd(connection_.get(), fd_.get()) != 1) {
    return Failure{TargetFailure::kIncusError, "OpenSSL can't begin a connection"};
  }
  if (auto named = settings.name_server(connection_.get()); !named.ok()) {
    return Failure{TargetFailure::kIncusError, named.error().message};
  }
  for (;;) {
    ERR_clear_error();
    const StreamStep next = step(SSL_connect(connection_.get()), 0);
    if (next.kind == Kind::kBytes) return Done{};
    if (next.kind != Kind::kWait) return refused(server, settings, connection_.get());
    auto waited = patience.wait(fd_.get(), next.events, "TLS");
    if (waited.ok()) continue;
    if (waited.failure().kind != TargetFailure::kTimedOut) return waited.failure();
    return unreachable(server, "it doesn't answer");
  }
}

// Fatal errors end the connection for OpenSSL: it isn't used any more then.
StreamStep TlsStream::step(int result, std::size_t bytes) {
  if (result > 0) return {Kind::kBytes, bytes, 0};
  const int saved_errno = errno;
  switch (SSL_get_error(connection_.get(), result)) {
    case SSL_ERROR_WANT_READ: return {Kind::kWait, 0, POLLIN};
    case SSL_ERROR_WANT_WRITE: return {Kind::kWait, 0, POLLOUT};
    case SSL_ERROR_ZERO_RETURN: return {Kind::kEnd};
    case SSL_ERROR_SYSCALL:
      if (saved_errno != 0) return {Kind::kBroken, 0, 0, std::strerror(saved_errno)};
      return {Kind::kBroken, 0, 0, "it closed the connection"};
    default: break;
  }
  return {Kind::kBroken, 0, 0, "TLS: " + cut_text(why_openssl_refused())};
}

StreamStep TlsStream::read(std::span<std::uint8_t> bytes) {
  ERR_clear_error();
  std::size_t got = 0;
  errno = 0;
  const int result = SSL_read_ex(connection_.get(), bytes.data(), bytes.size(), &got);
  return step(result, got);
}

StreamStep TlsStream::peek(std::span<std::uint8_t> bytes) {
  ERR_clear_error();
  std::size_t got = 0;
  errno = 0;
  const int result = SSL_peek_ex(connection_.get(), bytes.data(), bytes.size(), &got);
  return step(result, got);
}

StreamStep TlsStream::write(std::span<const std::uint8_t> bytes) {
  ERR_clear_error();
  std::size_t sent = 0;
  errno = 0;
  const int result = SSL_write_ex(connection_.get(), bytes.data(), bytes.size(), &sent);
  return step(result, sent);
}

StreamStep TlsStream::finish_writing() {
  ERR_clear_error();
  errno = 0;
  const int result = SSL_shutdown(connection_.get());
  return step(result >= 0 ? 1 : result, 0);
}

}  // namespace ssh2incus
