// Whether the instance still answers: frozen, or its host overloaded, it sends nothing and no
// socket ends. After a silence the guest is asked; if it goes on, the user is told, and at the
// limit that the monitor has set the target is given up.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace ssh2incus {

class GuestPulse {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Step : std::uint8_t { kNothing, kAsk, kWarn, kRecovered, kGiveUp };

  // From now on; 0: the guest is not watched.
  void limit_to(std::uint32_t seconds, Clock::time_point now) {
    limit_ = std::chrono::seconds(seconds);
    last_heard_ = now;
  }
  [[nodiscard]] std::chrono::seconds limit() const { return limit_; }
  void heard(Clock::time_point now) { last_heard_ = now; }

  // What is to be done now; each step is told once a silence.
  Step next(Clock::time_point now) {
    if (limit_.count() == 0) return Step::kNothing;
    const auto silence = now - last_heard_;
    if (silence < ask_after()) {
      const bool told = done_ >= Step::kWarn;
      done_ = Step::kNothing;
      return told ? Step::kRecovered : Step::kNothing;
    }
    if (silence >= limit_) return Step::kGiveUp;
    if (silence >= warn_after() && done_ < Step::kWarn) return done_ = Step::kWarn;
    if (done_ < Step::kAsk) return done_ = Step::kAsk;
    return Step::kNothing;
  }

  // For poll(): when next() has to be asked again; -1: never.
  [[nodiscard]] int left_ms(Clock::time_point now) const {
    if (limit_.count() == 0) return -1;
    Clock::duration next = limit_;
    if (done_ < Step::kWarn) next = warn_after();
    if (done_ < Step::kAsk) next = ask_after();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(last_heard_ + next - now);
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, kMostMs));
  }

 private:
  static constexpr std::chrono::seconds kAskAfter{15};
  static constexpr std::chrono::seconds kWarnAfter{30};
  static constexpr std::int64_t kMostMs = 3'600'000;

  [[nodiscard]] Clock::duration ask_after() const {
    return std::min<Clock::duration>(kAskAfter, Clock::duration(limit_) / 3);
  }
  [[nodiscard]] Clock::duration warn_after() const {
    return std::min<Clock::duration>(kWarnAfter, Clock::duration(limit_) * 2 / 3);
  }

  std::chrono::seconds limit_{0};
  Clock::time_point last_heard_;
  Step done_ = Step::kNothing;
};

}  // namespace ssh2incus
