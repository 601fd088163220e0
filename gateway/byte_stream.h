// One connection to incusd as bytes, without blocking: over a unix socket here, over TLS in
// tls_stream.h, with the same members. Owns its socket.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "common/unique_fd.h"
#include "gateway/outcome.h"
#include "gateway/patience.h"

namespace ssh2incus {

// What became of one read or write.
struct StreamStep {
  enum class Kind : std::uint8_t {
    kBytes,   // so many were taken
    kEnd,     // nothing more will come
    kWait,    // until the socket has one of these events
    kBroken,  // why
  };
  Kind kind = Kind::kBroken;
  std::size_t bytes = 0;
  short events = 0;
  std::string why{};
};

class LocalStream {
 public:
  static Outcome<LocalStream> connect(const std::string& path, const Patience& patience);

  StreamStep read(std::span<std::uint8_t> bytes);
  // The same without taking them.
  StreamStep peek(std::span<std::uint8_t> bytes);
  StreamStep write(std::span<const std::uint8_t> bytes);
  [[nodiscard]] int fd() const { return fd_.get(); }
  UniqueFd release() { return std::move(fd_); }

 private:
  explicit LocalStream(UniqueFd fd) : fd_(std::move(fd)) {}
  StreamStep receive(std::span<std::uint8_t> bytes, int flags);

  UniqueFd fd_;
};

}  // namespace ssh2incus
