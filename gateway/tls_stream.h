// One TLS connection to an https remote, as bytes without blocking. What the other end sends before
// it has proven who it is reaches OpenSSL alone.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "gateway/byte_stream.h"
#include "gateway/network_address.h"
#include "gateway/tls_settings.h"

namespace ssh2incus {

class TlsStream {
 public:
  // Connected and with its handshake done, within limits::kRemoteConnectMs.
  static Outcome<TlsStream> connect(const NetworkServer& server, const TlsSettings& settings,
                                    const Patience& patience);

  StreamStep read(std::span<std::uint8_t> bytes);
  StreamStep peek(std::span<std::uint8_t> bytes);
  StreamStep write(std::span<const std::uint8_t> bytes);
  // Tells the other end that nothing more follows; kBytes: done.
  StreamStep finish_writing();
  // Whether something has been received that poll() doesn't know of.
  [[nodiscard]] bool has_pending() const { return SSL_has_pending(connection_.get()) == 1; }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  struct FreeConnection {
    void operator()(SSL* connection) const { SSL_free(connection); }
  };
  explicit TlsStream(UniqueFd fd) : fd_(std::move(fd)) {}
  Outcome<Done> shake_hands(const NetworkServer& server, const TlsSettings& settings,
                            const Patience& patience);
  StreamStep step(int result, std::size_t bytes);

  UniqueFd fd_;
  std::unique_ptr<SSL, FreeConnection> connection_;
};

// "https://HOST:PORT", for messages.
std::string url_of(const NetworkServer& server);

}  // namespace ssh2incus
