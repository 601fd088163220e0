// The little WebSocket framing that the gateway does itself: one frame with the preface out, frames
// up to the guest's hello in. It says how many bytes it wants next, so that nothing after the
// hello's frame is taken off the socket: those belong to sessiond. Input is hostile. No I/O.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "common/bounded.h"
#include "common/guest_protocol.h"
#include "common/result.h"

namespace ssh2incus {

enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

struct WebsocketFrame {
  Opcode opcode{};
  bool final = false;
  Bytes payload;
};

// A whole client frame. The mask is zero: it protects proxies from scripts in browsers, and incusd
// accepts it.
Bytes encode_frame(Opcode opcode, std::span<const std::uint8_t> payload);

class FrameReader {
 public:
  explicit FrameReader(std::size_t max_payload) : max_payload_(max_payload) {}

  // How many bytes the present frame still needs, as far as is known; never 0, never beyond it.
  [[nodiscard]] std::size_t wanted() const;
  // Takes at most wanted() bytes. A frame, if they complete one.
  Result<std::optional<WebsocketFrame>> take(std::span<const std::uint8_t> bytes);

 private:
  Status read_header();
  [[nodiscard]] std::size_t header_size() const;

  std::size_t max_payload_;
  std::array<std::uint8_t, 10> header_{};
  std::size_t header_taken_ = 0;
  bool in_payload_ = false;
  std::size_t payload_rest_ = 0;
  WebsocketFrame frame_;
};

// Collects the length and the GuestHello from data frames.
class HelloReader {
 public:
  static constexpr std::size_t kMaxHello = 2048;

  // The hello, once the message that it came in is complete. More data than a hello is an error.
  Result<std::optional<GuestHello>> take(const WebsocketFrame& frame);
  // The stream ended first: the guest didn't start.
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  Result<std::optional<GuestHello>> decode() const;

  Bytes data_;
  bool in_message_ = false;
  bool ended_ = false;
};

}  // namespace ssh2incus
