// One stream of the guest as its link accounts for it: what has happened so far, and the credit in
// both directions. Sizes come from the guest, which may lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "common/check.h"
#include "common/limits.h"

namespace ssh2incus {

inline constexpr std::uint64_t kMaxSendCredit = 0x7fffffff;

// What the guest may send. The window doubles when so many times its size has passed, up to the
// greatest: incusd may hold a grant of credit back for 10 ms, and bulk data must not wait for it.
class ReceiveWindow {
 public:
  // False if so much was not granted.
  bool deliver(std::size_t bytes) {
    if (bytes > credit_) return false;
    credit_ -= bytes;
    unconsumed_ += bytes;
    return true;
  }

  // An accepted connection begins without credit.
  void begin_without_credit() { credit_ = 0; }
  std::uint32_t give_first_credit() {
    credit_ = limits::kGuestWindow;
    return limits::kGuestWindow;
  }

  // So much of what was delivered has been passed on. Returns what is to be granted anew, in lumps.
  std::uint32_t consume(std::size_t bytes) {
    CHECK(bytes <= unconsumed_);
    unconsumed_ -= bytes;
    unreturned_ += bytes;
    passed_ += bytes;
    if (unreturned_ < window_ / kLumpsPerWindow) return 0;
    std::uint64_t grant = std::exchange(unreturned_, 0);
    if (window_ < limits::kMaxGuestWindow && passed_ >= kPassedBeforeGrowth * window_) {
      grant += window_;
      window_ *= 2;
    }
    credit_ += grant;
    return static_cast<std::uint32_t>(grant);
  }

 private:
  static constexpr std::uint64_t kLumpsPerWindow = 4;
  static constexpr std::uint64_t kPassedBeforeGrowth = 4;

  std::uint64_t window_ = limits::kGuestWindow;  // credit_ at its greatest
  std::uint64_t credit_ = limits::kGuestWindow;  // that the guest still has
  std::uint64_t passed_ = 0;                     // consumed since the stream was opened
  std::uint64_t unconsumed_ = 0;                 // delivered, not yet consumed
  std::uint64_t unreturned_ = 0;                 // consumed, not yet granted anew
};

enum class StreamKind : std::uint8_t { kSession, kConnection, kListener };

struct GuestStream {
  StreamKind kind = StreamKind::kSession;
  bool has_display = false;
  bool opened = false;
  bool eof = false;
  bool exited = false;
  bool wants_credit = false;                         // send_data() took less than all
  std::uint64_t send_credit = limits::kGuestWindow;  // that the guest has given us
  ReceiveWindow receive = {};
};

}  // namespace ssh2incus
