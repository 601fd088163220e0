// Access of host accounts. Groups come from the account database, the target from the client.
#include "policy/host_access.h"

#include <algorithm>

#include "common/escape.h"

namespace ssh2incus {
AccessDecision decide_host_access(const HostAccount& account,
                                  std::span<const std::string> allowed_groups) {
  if (account.uid == 0) return {true, {}};
  const bool member = std::any_of(
      account.group_names.begin(), account.group_names.end(), [&](const std::string& group) {
        return !group.empty() && std::find(allowed_groups.begin(), allowed_groups.end(), group) !=
                                     allowed_groups.end();
      });
  if (member) return {true, {}};
  if (allowed_groups.empty()) {
    return {false, "user " + quoted(account.name) + " isn't root, and no group is allowed"};
  }
  std::string reason = "user " + quoted(account.name) + " is in none of the allowed groups (";
  for (const std::string& group : allowed_groups) {
    if (&group != &allowed_groups.front()) reason += ", ";
    reason += escaped(group);
  }
  return {false, reason + ")"};
}

AccessDecision decide_target_access(const LoginTarget& target, bool creation) {
  if (target.create && !creation)
    return {false, "this server creates no instances at login (--allow-create)"};
  return {true, {}};
}

bool instance_may_vouch(const LoginTarget& target) {
  return target.kind == LoginTarget::Kind::kInstance && !target.create;
}

}  // namespace ssh2incus
