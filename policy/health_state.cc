// See health_state.h.
#include "policy/health_state.h"

#include <algorithm>

namespace ssh2incus {
namespace {

constexpr std::chrono::seconds kFirstRetry{1};
constexpr std::chrono::seconds kLongestRetry{15};  // that a login may be refused after the end

}  // namespace

void HealthState::change(std::optional<std::chrono::seconds> interval) {
  interval_ = interval;
  next_ = Time(0);
  if (interval_) return;
  known_ = false;
  outage_.reset();
}

std::optional<HealthState::Time> HealthState::next_check() const {
  if (!interval_) return std::nullopt;
  return next_;
}

HealthState::Change HealthState::on_result(bool reachable, const std::string& reason, Time now) {
  if (!interval_) return Change::kNone;
  const bool was_out = outage_.has_value();
  known_ = true;
  if (reachable) {
    outage_.reset();
    backoff_ = kFirstRetry;
    next_ = now + *interval_;
    return was_out ? Change::kBack : Change::kNone;
  }
  outage_ = reason;
  next_ = now + std::min(backoff_, *interval_);
  backoff_ = std::min(backoff_ * 2, kLongestRetry);
  if (was_out) return Change::kNone;
  since_ = now;
  return Change::kLost;
}

}  // namespace ssh2incus
