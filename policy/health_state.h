// When Incus is to be asked whether it is there, and what the answers mean: every interval while it
// is, more often, and ever less, while it isn't. The clock is the caller's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace ssh2incus {

class HealthState {
 public:
  using Time = std::chrono::milliseconds;  // of a clock that never goes back
  enum class Change : std::uint8_t { kNone, kLost, kBack };

  // interval: none means never to ask.
  explicit HealthState(std::optional<std::chrono::seconds> interval) : interval_(interval) {}

  // For what happens from now on: the next time is now.
  void change(std::optional<std::chrono::seconds> interval);

  // When to ask next.
  [[nodiscard]] std::optional<Time> next_check() const;
  // An answer, or that there was none; reason: why not.
  Change on_result(bool reachable, const std::string& reason, Time now);

  [[nodiscard]] bool known() const { return known_; }
  // Why Incus isn't there, as far as is known; none: it is, or nobody knows.
  [[nodiscard]] const std::optional<std::string>& outage() const { return outage_; }
  [[nodiscard]] std::optional<Time> outage_since() const { return outage_ ? since_ : std::nullopt; }

 private:
  std::optional<std::chrono::seconds> interval_;
  Time next_{0};
  bool known_ = false;
  std::optional<std::string> outage_;
  std::optional<Time> since_;
  std::chrono::seconds backoff_{1};
};

}  // namespace ssh2incus
