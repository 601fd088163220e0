// User names come from the network: both tables are bounded.
#include "policy/user_penalties.h"

#include <algorithm>

#include "policy/host_access.h"

namespace ssh2incus {
namespace {

constexpr unsigned kIpv6Block = 64;  // one household or host

IpAddress block_of(const IpAddress& source) {
  return source.is_ipv6() ? source.masked(kIpv6Block) : source;
}

}  // namespace

std::string guessed_host_user(const LoginTarget& target, bool instances_vouch) {
  std::string name = target.host_user.str();
  const bool meant = name != "root" || target.user.str() == "root";
  if (meant || !instances_vouch || !instance_may_vouch(target)) return name;
  return name + " (unnamed)";  // no user's name has a space
}

UserPenalties::UserPenalties(UserPenaltySettings settings)
    : settings_(settings), failures_(settings.half_life, 0.5, settings.max_users) {}

bool UserPenalties::above(double score) const {
  return settings_.failures > 0 && score > static_cast<double>(settings_.failures);
}

bool UserPenalties::record_failure(const std::string& user, Time now) {
  const bool was_above = above(failures_.score(user, now));
  const double score = failures_.add(user, 1, static_cast<double>(settings_.maximum), now);
  return above(score) && !was_above;
}

void UserPenalties::record_success(const std::string& user,
                                   const std::optional<IpAddress>& source) {
  if (!source) return;
  auto& sources = good_sources_[user];
  const IpAddress block = block_of(*source);
  std::erase(sources, block);
  sources.push_back(block);
  if (sources.size() > settings_.max_sources_per_user) sources.erase(sources.begin());
  if (good_sources_.size() <= settings_.max_users) return;
  // Which of the others goes matters little: this many users with good logins are not expected.
  const auto other = good_sources_.begin()->first == user ? std::next(good_sources_.begin())
                                                          : good_sources_.begin();
  good_sources_.erase(other);
}

bool UserPenalties::holds_back(const std::string& user, const std::optional<IpAddress>& source,
                               Time now) const {
  if (!above(failures_.score(user, now))) return false;
  if (!source) return true;
  const auto known = good_sources_.find(user);
  if (known == good_sources_.end()) return true;
  return std::find(known->second.begin(), known->second.end(), block_of(*source)) ==
         known->second.end();
}

}  // namespace ssh2incus
