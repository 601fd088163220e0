// Permissions are and-ed, demands or-ed.
#include "policy/combined_grant.h"

#include <algorithm>
#include <vector>

namespace ssh2incus {
namespace {

// Of two lists in which "empty" stands for everything; `none` is set if nothing is in both.
ForwardingRules common_rules(const ForwardingRules& first, const ForwardingRules& second,
                             bool& none) {
  if (first.empty()) return second;
  if (second.empty()) return first;
  std::vector<ForwardingRule> both;
  for (const auto& rule : first) {
    if (std::find(second.begin(), second.end(), rule) != second.end()) both.push_back(rule);
  }
  none = none || both.empty();
  return both;
}

}  // namespace

KeyGrant unrestricted_grant() {
  KeyGrant grant;
  grant.require_touch = false;
  return grant;
}

Result<KeyGrant> combined_grant(const KeyGrant& first, const KeyGrant& second) {
  if (first.forced_command && second.forced_command &&
      first.forced_command != second.forced_command) {
    return fail("two forced commands don't match");
  }
  KeyGrant both;
  both.pty = first.pty && second.pty;
  both.agent_forwarding = first.agent_forwarding && second.agent_forwarding;
  both.port_forwarding = first.port_forwarding && second.port_forwarding;
  both.x11_forwarding = first.x11_forwarding && second.x11_forwarding;
  both.user_rc = first.user_rc && second.user_rc;
  both.require_touch = first.require_touch || second.require_touch;
  both.require_verify = first.require_verify || second.require_verify;
  both.forced_command = first.forced_command ? first.forced_command : second.forced_command;
  std::vector<EnvironmentEntry> environment;
  for (const auto* grant : {&first, &second}) {
    for (const auto& entry : grant->environment) {
      if (environment.size() < limits::kMaxEnvironmentEntries) environment.push_back(entry);
    }
  }
  both.environment = std::move(environment);
  bool nothing_left = false;
  both.permit_open = common_rules(first.permit_open, second.permit_open, nothing_left);
  both.permit_listen = common_rules(first.permit_listen, second.permit_listen, nothing_left);
  if (nothing_left) both.port_forwarding = false;
  return both;
}

}  // namespace ssh2incus
