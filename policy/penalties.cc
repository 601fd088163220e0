// The table of penalised sources. What happens to each connection feeds it; its size is bounded
// whatever the sources are.
#include "policy/penalties.h"

#include <utility>

namespace ssh2incus {
namespace {

constexpr double kForgotten = 0.5;  // seconds of penalty that no longer matter

}  // namespace

SourcePenalties::SourcePenalties(PenaltySettings settings)
    : settings_(std::move(settings)),
      ipv4_(settings_.half_life, kForgotten, settings_.max_sources),
      ipv6_(settings_.half_life, kForgotten, settings_.max_sources) {}

void SourcePenalties::change(PenaltySettings settings) {
  settings_ = std::move(settings);
  ipv4_.change_half_life(settings_.half_life);
  ipv6_.change_half_life(settings_.half_life);
}

std::string_view penalty_reason_name(PenaltyReason reason) {
  switch (reason) {
    case PenaltyReason::kCrash: return "crash";
    case PenaltyReason::kAuthFail: return "authfail";
    case PenaltyReason::kNoAuth: return "noauth";
    case PenaltyReason::kGraceExceeded: return "grace-exceeded";
    case PenaltyReason::kInvalidUser: return "invaliduser";
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

DecayingScores<IpAddress>& SourcePenalties::scores_of(const IpAddress& block) {
  return block.is_ipv6() ? ipv6_ : ipv4_;
}

SourcePenalties::Outcome SourcePenalties::penalise(const std::optional<IpAddress>& source,
                                                   PenaltyReason reason, Time now) {
  const auto penalty = penalty_for(reason);
  if (!source || penalty <= penalty.zero() || exempt(*source)) return {};
  const IpAddress block = block_of(*source);
  auto& scores = scores_of(block);
  const auto minimum = static_cast<double>(settings_.minimum.count());
  const bool was_refused = scores.score(block, now) > minimum;
  const double score = scores.add(block, static_cast<double>(penalty.count()),
                                  static_cast<double>(settings_.maximum.count()), now);
  const bool refused = score > minimum;
  reasons_[block] = reason;
  if (reasons_.size() > 2 * settings_.max_sources) {
    std::erase_if(reasons_, [&](const auto& known) {
      return scores_of(known.first).score(known.first, now) < kForgotten;
    });
  }
  return {true, refused, refused && !was_refused,
          std::chrono::ceil<std::chrono::seconds>(scores.time_until(score, minimum))};
}

std::optional<PenaltyReason> SourcePenalties::is_refused(const std::optional<IpAddress>& source,
                                                         Time now) {
  if (!source) return std::nullopt;
  const IpAddress block = block_of(*source);
  const double score = scores_of(block).score(block, now);
  if (score <= static_cast<double>(settings_.minimum.count()) || exempt(*source)) {
    return std::nullopt;
  }
  return reasons_.at(block);
}

}  // namespace ssh2incus
