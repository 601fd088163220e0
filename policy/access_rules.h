// access.yaml's text to rules. The text is the administrator's; what isn't understood completely is
// a problem with its place, and a file with problems gives no policy. Also the built-in policies.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/limits.h"
#include "policy/access_policy.h"
#include "policy/config_tree.h"

namespace ssh2incus {

inline constexpr std::size_t kMaxAccessRules = 1000;
inline constexpr std::size_t kMaxAccessList = 1000;
inline constexpr std::size_t kMaxAccessPattern = 256;
inline constexpr std::size_t kMaxAccessLabels = limits::kMaxLabels;  // distinct, in one file

struct ParsedAccess {
  AccessPolicy policy;
  std::vector<ConfigProblem> problems;  // with any, the policy is not to be used
};
ParsedAccess parse_access_rules(std::string_view text);

// Without a file: root may do everything, members of the allowed groups everything but %shell, and
// whom an instance has authenticated what happens inside it.
AccessPolicy default_access_policy(std::span<const std::string> allowed_groups);
// As Incus itself has it: incus-admin everything, incus the project user-UID.
extern const std::string_view kIncusNativeRules;

}  // namespace ssh2incus
