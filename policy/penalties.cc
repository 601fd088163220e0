// The table of penalised sources. What happens to each connection feeds it; its size is bounded
// whatever the sources are.
#include "policy/penalties.h"

#include <algorithm>

namespace ssh2incus {

std::string_view penalty_reason_name(PenaltyReason reason) {
  switch (reason) {
    case PenaltyReason::kCrash: return "crash";
    case PenaltyReason::kAuthFail: return "authfail";
    case PenaltyReason::kNoAuth: return "noauth";
    case PenaltyReason::kGraceExceeded: return "grace-exceeded";
    case PenaltyReason::kInvalidUser: return "invaliduser";
    case PenaltyReason::kRefuseConnection: return "refuseconnection";
  }
  return "unknown";
}

std::chrono::seconds SourcePenalties::penalty_for(PenaltyReason reason) const {
  switch (reason) {
    case PenaltyReason::kCrash: return settings_.crash;
    case PenaltyReason::kAuthFail: return settings_.auth_fail;
    case PenaltyReason::kNoAuth: return settings_.no_auth;
    case PenaltyReason::kGraceExceeded: return settings_.grace_exceeded;
    case PenaltyReason::kInvalidUser: return settings_.invalid_user;
    case PenaltyReason::kRefuseConnection: return settings_.refuse_connection;
  }
  return {};
}

IpAddress SourcePenalties::block_of(const IpAddress& source) const {
  return source.masked(source.is_ipv6() ? settings_.ipv6_bits : settings_.ipv4_bits);
}

bool SourcePenalties::exempt(const IpAddress& source) const {
  return !settings_.exempt.empty() &&
         match_address_list(source, settings_.exempt) == AddressMatch::kMatch;
}

void SourcePenalties::expire(Time now) {
  for (auto& soonest : by_expiry_) {
    while (!soonest.empty() && soonest.begin()->first < now) {
      entries_.erase(soonest.begin()->second);
      soonest.erase(soonest.begin());
    }
  }
}

void SourcePenalties::drop_overflow(bool ipv6) {
  auto& soonest = by_expiry_[ipv6 ? 1 : 0];
  while (soonest.size() > settings_.max_sources) {
    entries_.erase(soonest.begin()->second);
    soonest.erase(soonest.begin());
  }
}

SourcePenalties::Outcome SourcePenalties::penalise(const IpAddress& source, PenaltyReason reason,
                                                   Time now) {
  const Time penalty = penalty_for(reason);
  if (penalty <= Time::zero() || exempt(source)) return {};
  expire(now);
  const IpAddress block = block_of(source);
  auto& soonest = by_expiry_[block.is_ipv6() ? 1 : 0];
  Entry& entry = entries_[block];
  const bool was_active = entry.active;
  soonest.erase({entry.expiry, block});
  entry.expiry = std::min(std::max(entry.expiry, now) + penalty, now + Time(settings_.maximum));
  entry.reason = reason;
  const Time left = entry.expiry - now;
  entry.active = was_active || left > Time(settings_.minimum);
  const Outcome outcome{true, entry.active, entry.active && !was_active,
                        std::chrono::ceil<std::chrono::seconds>(left)};
  soonest.insert({entry.expiry, block});
  drop_overflow(block.is_ipv6());
  return outcome;
}

std::optional<PenaltyReason> SourcePenalties::is_refused(const IpAddress& source, Time now) {
  expire(now);
  const auto found = entries_.find(block_of(source));
  if (found == entries_.end() || !found->second.active || exempt(source)) return std::nullopt;
  return found->second.reason;
}

}  // namespace ssh2incus
