// Penalties for sources that misbehave: the reasons and weights of OpenSSH (PerSourcePenalties in
// sshd_config(5)), but for refuseconnection, which nothing here does; forgotten exponentially. Fed
// by the listener with what it saw of each connection; the clock is the caller's. A source without
// an address (a unix socket's client, a balancer for itself) is never penalised nor refused: it
// would stand for everybody who comes that way. Not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "policy/decaying_scores.h"
#include "policy/ip_address.h"

namespace ssh2incus {

enum class PenaltyReason : std::uint8_t {
  kCrash = 1,      // one of our processes died of this connection
  kAuthFail,       // tried to authenticate and failed
  kNoAuth,         // left without trying
  kGraceExceeded,  // didn't finish within LoginGraceTime
  kInvalidUser,    // the same, by the name of nobody
};
std::string_view penalty_reason_name(PenaltyReason reason);  // "crash", "authfail", ...

// Weights are seconds, as in OpenSSH: what a source has gathered halves in every half-life, and its
// connections are refused while it is above the minimum.
struct PenaltySettings {
  using Seconds = std::chrono::seconds;
  Seconds crash{90};
  Seconds auth_fail{5};
  Seconds no_auth{1};
  Seconds grace_exceeded{10};
  Seconds invalid_user{5};
  Seconds minimum{15};   // up to which nothing is refused
  Seconds maximum{600};  // to which penalties add up
  Seconds half_life{120};
  unsigned ipv4_bits = 32;
  unsigned ipv6_bits = 64;
  std::size_t max_sources = 65536;  // of each family; beyond it the least is dropped
  std::string exempt;               // address list
};

class SourcePenalties {
 public:
  using Time = DecayingScores<IpAddress>::Time;

  explicit SourcePenalties(PenaltySettings settings = {});

  // For what happens from now on.
  void change(PenaltySettings settings);

  struct Outcome {
    bool applied = false;         // false: exempt, or no penalty for that reason
    bool refused = false;         // connections from the source are refused from now on
    bool newly_refused = false;   // and weren't before
    std::chrono::seconds left{};  // until they are let in again
  };
  Outcome penalise(const std::optional<IpAddress>& source, PenaltyReason reason, Time now);
  // The reason of the latest penalty, if connections from that source are refused now.
  std::optional<PenaltyReason> is_refused(const std::optional<IpAddress>& source, Time now);
  [[nodiscard]] std::size_t tracked() const { return ipv4_.size() + ipv6_.size(); }

 private:
  [[nodiscard]] IpAddress block_of(const IpAddress& source) const;
  [[nodiscard]] bool exempt(const IpAddress& source) const;
  [[nodiscard]] std::chrono::seconds penalty_for(PenaltyReason reason) const;
  DecayingScores<IpAddress>& scores_of(const IpAddress& block);

  PenaltySettings settings_;
  DecayingScores<IpAddress> ipv4_;
  DecayingScores<IpAddress> ipv6_;
  std::map<IpAddress, PenaltyReason> reasons_;  // the latest; of all that have a score
};

}  // namespace ssh2incus
