// Penalties for sources that misbehave, with OpenSSH's rules and defaults (PerSourcePenalties in
// sshd_config(5)). Fed by the listener with what it saw of each connection; the clock is the
// caller's. Not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "policy/ip_address.h"

namespace ssh2incus {

enum class PenaltyReason : std::uint8_t {
  kCrash = 1,         // one of our processes died of this connection
  kAuthFail,          // tried to authenticate and failed
  kNoAuth,            // left without trying
  kGraceExceeded,     // didn't finish within LoginGraceTime
  kInvalidUser,       // tried users that can't log in
  kRefuseConnection,  // refused by configuration
};
std::string_view penalty_reason_name(PenaltyReason reason);  // "crash", "authfail", ...

struct PenaltySettings {
  using Seconds = std::chrono::seconds;
  Seconds crash{90};
  Seconds auth_fail{5};
  Seconds no_auth{1};
  Seconds grace_exceeded{10};
  Seconds invalid_user{5};
  Seconds refuse_connection{10};
  Seconds minimum{15};   // below which nothing is refused yet
  Seconds maximum{600};  // to which penalties add up
  unsigned ipv4_bits = 32;
  unsigned ipv6_bits = 64;
  std::size_t max_sources = 65536;  // of each family; beyond it the one that ends first is dropped
  std::string exempt;               // address list
};

class SourcePenalties {
 public:
  // Milliseconds of a clock that never goes back.
  using Time = std::chrono::milliseconds;

  explicit SourcePenalties(PenaltySettings settings = {}) : settings_(std::move(settings)) {}

  struct Outcome {
    bool applied = false;         // false: exempt, or no penalty for that reason
    bool refused = false;         // connections from the source are refused from now on
    bool newly_refused = false;   // and weren't before
    std::chrono::seconds left{};  // until the penalties have run out
  };
  Outcome penalise(const IpAddress& source, PenaltyReason reason, Time now);
  // The reason of the latest penalty, if connections from that source are refused now.
  std::optional<PenaltyReason> is_refused(const IpAddress& source, Time now);
  [[nodiscard]] std::size_t tracked() const { return entries_.size(); }

 private:
  struct Entry {
    Time expiry{};
    PenaltyReason reason{};
    bool active = false;
  };
  [[nodiscard]] IpAddress block_of(const IpAddress& source) const;
  [[nodiscard]] bool exempt(const IpAddress& source) const;
  [[nodiscard]] std::chrono::seconds penalty_for(PenaltyReason reason) const;
  void expire(Time now);
  void drop_overflow(bool ipv6);

  PenaltySettings settings_;
  std::map<IpAddress, Entry> entries_;
  // By family, soonest end first: what expires or is dropped next.
  std::set<std::pair<Time, IpAddress>> by_expiry_[2];
};

}  // namespace ssh2incus
