// How long no data has gone through any session, against the limit that the monitor has set.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace ssh2incus {

class IdleClock {
 public:
  using Clock = std::chrono::steady_clock;

  // From now on; 0: without limit.
  void limit_to(std::uint32_t seconds) {
    limit_ = std::chrono::seconds(seconds);
    touch();
  }
  void touch() {
    if (limit_.count() > 0) last_ = Clock::now();
  }
  [[nodiscard]] std::chrono::seconds limit() const { return limit_; }

  // For poll(): -1 without a limit; 0 once it's reached.
  [[nodiscard]] int left_ms() const {
    if (limit_.count() == 0) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(last_ + limit_ - Clock::now());
    constexpr std::int64_t kMost = 24L * 3600 * 1000;  // then the loop looks again
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, kMost));
  }

 private:
  std::chrono::seconds limit_{0};
  Clock::time_point last_;
};

}  // namespace ssh2incus
