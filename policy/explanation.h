// What a login string means and what the access policy makes of it, in lines of "name: value" for a
// person. Used by --explain, of the administrator, and %explain, of a user.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/access_policy.h"
#include "policy/create_config.h"
#include "policy/remotes.h"

namespace ssh2incus {

void explain_line(std::string& out, const char* name, const std::string& value);
void append_to_list(std::string& list, std::string_view item);  // ", " between them
std::string method_names(const std::vector<AuthMethod>& methods);

// What the login asks for.
void describe_login(std::string& out, const AccessFacts& facts);
// Why the server can't let anybody in there; empty: it can. The login's remote is named.
std::string why_impossible(const LoginTarget& target, bool creation, const Remotes& remotes);
// That is said beside the decision.
std::string with_what_is_missing(const std::string& decision, const std::string& impossible);
// The decision, and what is granted. for_administrator: names the rule that decides,
// which users needn't know. creation: what the server creates by; null: it creates nothing.
// impossible: as above.
void describe_verdict(std::string& out, const AccessFacts& facts, const AccessPolicy& policy,
                      bool for_administrator, const std::string& impossible = {},
                      const CreateConfig* creation = nullptr);

}  // namespace ssh2incus
