// The credit of one stream in both directions, as in RFC 4254 §5.2 (common/guest_protocol.h): what
// sessiond may still send, and what we may.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "common/guest_protocol.h"
#include "common/result.h"
#include "guest/output_queue.h"

namespace ssh2incus::guest {

class StreamCredit {
 public:
  // to_send: ours at the beginning.
  StreamCredit(std::uint32_t stream, OutputQueue& output, std::uint64_t to_send)
      : stream_(stream), output_(output), to_send_(to_send) {}

  // So much has come from sessiond. An error: it broke the protocol.
  Status receive(std::size_t bytes) {
    if (bytes > to_receive_) return fail("more data than was granted");
    to_receive_ -= static_cast<std::uint32_t>(bytes);
    return {};
  }
  // So much of that has been passed on: sessiond is told, in lumps.
  void give_back(std::size_t bytes) {
    unreturned_ += static_cast<std::uint32_t>(bytes);
    if (unreturned_ < kLump) return;
    to_receive_ += unreturned_;
    output_.send_message(FrameType::kWindowAdjust, stream_,
                         WindowAdjust{std::exchange(unreturned_, 0)});
  }

  // From sessiond. An error: it broke the protocol.
  Status grant(const WindowAdjust& adjust) {
    to_send_ += adjust.bytes;
    if (to_send_ > kMost) return fail("credit overflow");
    return {};
  }
  [[nodiscard]] std::uint64_t to_send() const { return to_send_; }
  void spend(std::size_t bytes) { to_send_ -= bytes; }

 private:
  static constexpr std::uint64_t kMost = 0x7fffffff;
  static constexpr std::uint32_t kLump = limits::kGuestWindow / 4;

  std::uint32_t stream_;
  OutputQueue& output_;
  std::uint32_t to_receive_ = limits::kGuestWindow;
  std::uint32_t unreturned_ = 0;  // passed on, not yet given back
  std::uint64_t to_send_;
};

}  // namespace ssh2incus::guest
