// Whether single keys of an access rule match. Used by policy/access_policy.cc only.
#pragma once

#include <string_view>

#include "policy/access_policy.h"

namespace ssh2incus {

// The account's name and groups, which are all that is known before authentication.
bool matches_account(const AccessRule& rule, const HostAccount& account);
// All keys but labels.
bool matches_login(const AccessRule& rule, const AccessFacts& facts);
bool matches_labels(const AccessRule& rule, const Labels& labels);
bool matches_list(const PatternList& list, std::string_view text);

}  // namespace ssh2incus
