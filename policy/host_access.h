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

// Is there such a target at all? creation: whether instances are created here (--allow-create).
AccessDecision decide_target_access(const LoginTarget& target, bool creation);

// Whether the instance of that target may vouch for its own users (--inauth): a command and an
// instance that may not exist yet can't.
bool instance_may_vouch(const LoginTarget& target);

}  // namespace ssh2incus
