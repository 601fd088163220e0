// Who of the host may log in, and where to. Fed by the account database and a parsed login.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "policy/login_target.h"

namespace ssh2incus {

struct HostAccount {
  std::string name;
  std::uint32_t uid = 0;
  std::vector<std::string> group_names;  // primary and supplementary
};

struct AccessDecision {
  bool allowed = false;
  std::string reason;  // why not; for the log, and for the client only after a successful login
};

// root, and members of one of the allowed groups.
AccessDecision decide_host_access(const HostAccount& account,
                                  std::span<const std::string> allowed_groups);

// May this account have shells and commands at that target? creation: whether instances are created
// at all here (--allow-create). Refuses what isn't built yet: %shell, remotes other than "local".
AccessDecision decide_target_access(const LoginTarget& target, const HostAccount& account,
                                    bool creation);

// Whether the instance of that target may vouch for its own users (--inauth): a command, an
// instance that may not exist yet and one that is elsewhere can't.
bool instance_may_vouch(const LoginTarget& target);

}  // namespace ssh2incus
