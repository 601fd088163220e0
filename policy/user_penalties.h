// Who guesses at one user's password from many sources: after a number of failures that user's
// passwords count for nothing for a while, except from where the user has logged in lately. Keys
// can't be guessed and are not held back. Fed by the listener with what the monitors report; the
// clock is the caller's. Not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/decaying_scores.h"
#include "policy/ip_address.h"
#include "policy/login_target.h"

namespace ssh2incus {

struct UserPenaltySettings {
  unsigned failures = 30;  // that are let pass; 0: nobody is ever held back
  unsigned maximum = 120;  // to which failures add up
  std::chrono::seconds half_life{120};
  std::size_t max_users = 4096;
  std::size_t max_sources_per_user = 8;
};

// As whose guesses those at the login's host user are counted. Where instances may vouch for their
// users, passwords for alice@c1 are mostly alice's, but compared with root's all the same, whom
// nobody has named: those are counted apart, so that what alice mistypes doesn't hold back root.
// What can be guessed of root's password through all such logins is bounded as that of one more
// user, however many instances and users there are.
std::string guessed_host_user(const LoginTarget& target, bool instances_vouch);

class UserPenalties {
 public:
  using Time = DecayingScores<std::string>::Time;

  explicit UserPenalties(UserPenaltySettings settings = {});

  // For what happens from now on.
  void change(UserPenaltySettings settings) {
    settings_ = settings;
    failures_.change_half_life(settings.half_life);
  }

  // True if this failure is the first after which the user is held back.
  bool record_failure(const std::string& user, Time now);
  // Without an address there is no place to be known from.
  void record_success(const std::string& user, const std::optional<IpAddress>& source);
  [[nodiscard]] bool holds_back(const std::string& user, const std::optional<IpAddress>& source,
                                Time now) const;
  [[nodiscard]] std::size_t tracked() const { return failures_.size(); }

 private:
  [[nodiscard]] bool above(double score) const;

  UserPenaltySettings settings_;
  DecayingScores<std::string> failures_;
  std::map<std::string, std::vector<IpAddress>> good_sources_;  // the latest last
};

}  // namespace ssh2incus
