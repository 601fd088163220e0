// The policies that need no file.
#include "policy/access_rules.h"

namespace ssh2incus {
namespace {

AccessRule built_in(const char* name, AuthenticatedBy by, ActionSet actions) {
  AccessRule rule;
  rule.name = name;
  rule.authenticated_by = by;
  rule.grant.actions = actions;
  CreateLimits& create = rule.grant.create;
  create.privileged = create.devices = create.raw = true;
  return rule;
}

}  // namespace

AccessPolicy default_access_policy(std::span<const std::string> allowed_groups) {
  AccessPolicy policy;
  AccessRule root = built_in("root", AuthenticatedBy::kHost, ActionSet::all());
  root.users.patterns = {{"#0", false}};
  policy.rules.push_back(std::move(root));
  AccessRule groups = built_in("groups", AuthenticatedBy::kHost,
                               ActionSet::all().without({Action::kIncusShell, Action::kSessions}));
  for (const std::string& group : allowed_groups) groups.groups.patterns.push_back({group, false});
  if (!allowed_groups.empty()) policy.rules.push_back(std::move(groups));
  policy.rules.push_back(
      built_in("instance", AuthenticatedBy::kInstance,
               ActionSet::all().without({Action::kIncusShell, Action::kCreate, Action::kDelete,
                                         Action::kInstall, Action::kSessions})));
  return policy;
}

const std::string_view kIncusNativeRules = R"(version: 1
rules:
  - name: root
    users: "#0"
    allow: all
    create-limits: {privileged: true, devices: true, raw: true}
  - name: incus-admin
    groups: incus-admin
    allow: all
    create-limits: {privileged: true, devices: true, raw: true}
  - name: incus
    groups: incus
    projects: user-%U
    allow: [shell, exec, sftp, local-forward, remote-forward, agent, create, start, delete, install]
)";

}  // namespace ssh2incus
