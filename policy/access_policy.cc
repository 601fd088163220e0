// Reads the rules from the top; see access_policy.h for the order in which they count.
#include "policy/access_policy.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/escape.h"
#include "policy/access_match.h"

namespace ssh2incus {
namespace {

using Outcome = AccessVerdict::Outcome;

constexpr std::array<std::pair<std::string_view, Action>, kActionCount> kActions = {{
    {"shell", Action::kShell},
    {"exec", Action::kExec},
    {"sftp", Action::kSftp},
    {"local-forward", Action::kLocalForward},
    {"remote-forward", Action::kRemoteForward},
    {"agent", Action::kAgent},
    {"create", Action::kCreate},
    {"start", Action::kStart},
    {"delete", Action::kDelete},
    {"incus-shell", Action::kIncusShell},
    {"install", Action::kInstall},
    {"sessions", Action::kSessions},
}};

// Without any of these there is nothing to log in for.
constexpr ActionSet kSessionActions = {Action::kShell, Action::kExec, Action::kSftp,
                                       Action::kLocalForward, Action::kRemoteForward};

AccessVerdict refused(std::string rule, std::string reason) {
  AccessVerdict verdict;
  verdict.rule = std::move(rule);
  verdict.reason = std::move(reason);
  return verdict;
}

// Why what is granted doesn't suffice for the login's wish; empty if it does.
std::string why_not_enough(const AccessGrant& grant, const LoginTarget& target) {
  switch (target.kind) {
    case LoginTarget::Kind::kIncusShell:
      return grant.actions.has(Action::kIncusShell) ? "" : "the Incus shell isn't allowed";
    case LoginTarget::Kind::kRemove:
      return grant.actions.has(Action::kDelete) ? "" : "deleting instances isn't allowed";
    case LoginTarget::Kind::kSessions:
      return grant.actions.has(Action::kSessions) ? "" : "those of others aren't allowed";
    case LoginTarget::Kind::kList:
    case LoginTarget::Kind::kExplain: return {};
    case LoginTarget::Kind::kInstance: break;
  }
  if (grant.actions.common(kSessionActions).empty()) return "nothing is allowed there";
  if (!target.create) return {};
  return grant.actions.has(Action::kCreate) ? "" : "creating instances isn't allowed";
}

// The first method of each chain that is missing; none if a chain is complete. The order in which
// they succeeded doesn't matter, their number does.
std::vector<AuthMethod> missing_methods(const AccessRule& rule, const AccessFacts& facts) {
  std::vector<AuthMethod> next;
  for (const auto& chain : rule.methods) {
    std::vector<AuthMethod> unused = facts.methods;
    std::optional<AuthMethod> missing;
    for (const AuthMethod method : chain) {
      const auto found = std::ranges::find(unused, method);
      if (found != unused.end()) {
        unused.erase(found);
      } else if (!missing) {
        missing = method;
      }
    }
    if (!missing) return {};
    if (std::ranges::find(next, *missing) == next.end()) next.push_back(*missing);
  }
  return next;
}

// What an allow rule leads to if it decides.
AccessVerdict verdict_of(const AccessRule& rule, ActionSet taken, const AccessFacts& facts) {
  AccessVerdict verdict;
  verdict.rule = rule.name;
  verdict.grant = rule.grant;
  verdict.grant.actions = rule.grant.actions.without(taken);
  verdict.reason = why_not_enough(verdict.grant, facts.target);
  if (!verdict.reason.empty()) return refused(rule.name, verdict.reason);
  verdict.next = missing_methods(rule, facts);
  verdict.outcome = verdict.next.empty() ? Outcome::kAllowed : Outcome::kMoreMethods;
  if (verdict.outcome != Outcome::kAllowed) verdict.grant = {};
  return verdict;
}

AccessVerdict decide_by_rules(const AccessPolicy& policy, const AccessFacts& facts) {
  ActionSet taken;
  bool labels_matter = false;  // for what is granted
  bool labels_may_allow = false;
  const auto needs_labels = [] {
    AccessVerdict verdict;
    verdict.outcome = Outcome::kNeedsLabels;
    return verdict;
  };
  AccessVerdict last = refused("", "no rule allows it");
  for (const AccessRule& rule : policy.rules) {
    const RuleMatch match = match_rule(rule, facts);
    if (match == RuleMatch::kNo) continue;
    if (match == RuleMatch::kIfLabels && rule.deny) {
      labels_matter = true;
      continue;
    }
    if (rule.deny) {
      taken = taken.with(rule.grant.actions);
      if (taken != ActionSet::all()) continue;
      last = refused(rule.name, "denied");
      break;
    }
    AccessVerdict verdict = verdict_of(rule, taken, facts);
    if (verdict.outcome == Outcome::kMoreMethods) return verdict;
    if (match == RuleMatch::kIfLabels) {
      labels_matter = labels_may_allow = true;
      continue;
    }
    last = std::move(verdict);
    break;
  }
  if (last.outcome == Outcome::kAllowed && labels_matter) return needs_labels();
  return labels_may_allow ? needs_labels() : last;
}

bool has_no_other_condition(const AccessRule& rule) {
  return rule.keys.patterns.empty() && rule.principals.patterns.empty() && rule.sources.empty() &&
         !rule.days && rule.hours.empty() && rule.remotes.patterns.empty() &&
         rule.projects.patterns.empty() && rule.instances.patterns.empty() &&
         rule.instance_users.patterns.empty() && rule.labels.empty();
}

// PAM is the host's, and an instance knows keys and passwords only.
bool instance_can_prove(const std::vector<AuthMethod>& chain) {
  return std::ranges::all_of(chain, [](AuthMethod method) {
    return method == AuthMethod::kPublicKey || method == AuthMethod::kPassword;
  });
}

bool instance_can_prove_any(const std::vector<std::vector<AuthMethod>>& chains) {
  return std::ranges::any_of(chains, instance_can_prove);
}

}  // namespace

std::string_view action_name(Action action) {
  for (const auto& [name, known] : kActions) {
    if (known == action) return name;
  }
  return "?";
}

std::optional<Action> action_named(std::string_view name) {
  for (const auto& [known, action] : kActions) {
    if (known == name) return action;
  }
  return std::nullopt;
}

std::vector<Action> ActionSet::list() const {
  std::vector<Action> actions;
  for (const auto& [name, action] : kActions) {
    if (has(action)) actions.push_back(action);
  }
  return actions;
}

std::string ActionSet::text() const {
  std::string text;
  for (const Action action : list()) {
    if (!text.empty()) text += ", ";
    text += action_name(action);
  }
  return text;
}

std::vector<std::string> AccessPolicy::label_names() const {
  std::set<std::string> names;
  for (const AccessRule& rule : rules) {
    for (const auto& [name, patterns] : rule.labels) names.insert(name);
  }
  return {names.begin(), names.end()};
}

RuleMatch match_rule(const AccessRule& rule, const AccessFacts& facts) {
  if (!matches_login(rule, facts)) return RuleMatch::kNo;
  if (rule.labels.empty()) return RuleMatch::kYes;
  if (!facts.labels) return RuleMatch::kIfLabels;
  return matches_labels(rule, *facts.labels) ? RuleMatch::kYes : RuleMatch::kNo;
}

AccessVerdict decide_access(const AccessPolicy& policy, const AccessFacts& facts) {
  using Kind = LoginTarget::Kind;
  const Kind kind = facts.target.kind;
  if (kind != Kind::kList && kind != Kind::kExplain && kind != Kind::kSessions)
    return decide_by_rules(policy, facts);
  if (facts.authenticated_by_instance) return refused("", "only for host users");
  AccessVerdict verdict;
  if (kind == Kind::kSessions) verdict = decide_by_rules(policy, facts);
  if (verdict.outcome != Outcome::kRefused) return verdict;
  AccessVerdict about_oneself;
  about_oneself.outcome = Outcome::kAllowed;
  return about_oneself;
}

bool may_enter(const AccessPolicy& policy, AccessFacts facts, const ProjectName& project,
               const InstanceName& instance) {
  facts.target = {};
  facts.target.instance = instance;
  facts.target.project = project;
  facts.project = project.str();
  facts.any_instance_user = true;
  return decide_access(policy, facts).outcome == Outcome::kAllowed;
}

std::string why_never_let_in(const AccessPolicy& policy, const HostAccount& account) {
  ActionSet taken;
  for (const AccessRule& rule : policy.rules) {
    const bool for_hosts_users = rule.authenticated_by != AuthenticatedBy::kInstance;
    if (!for_hosts_users || !matches_account(rule, account)) continue;
    if (!rule.deny && !rule.grant.actions.without(taken).empty()) return {};
    if (!rule.deny || !has_no_other_condition(rule)) continue;
    taken = taken.with(rule.grant.actions);
    if (taken == ActionSet::all())
      return "user " + quoted(account.name) + " is denied access by rule " + quoted(rule.name);
  }
  return "no access rule is for user " + quoted(account.name);
}

bool instance_may_count(const AccessPolicy& policy, const AuthenticationChains& chains,
                        AccessFacts facts) {
  if (!instance_may_vouch(facts.target) || !instance_can_prove_any(chains.chains())) return false;
  facts.account = {};
  facts.authenticated_by_instance = true;
  facts.certificate_principals.clear();  // it knows none
  facts.labels.reset();
  ActionSet taken;
  for (const AccessRule& rule : policy.rules) {
    AccessRule with_any_key = rule;
    with_any_key.keys = {};
    const RuleMatch match = match_rule(with_any_key, facts);
    if (match == RuleMatch::kNo) continue;
    const bool certain = match == RuleMatch::kYes && rule.keys.patterns.empty();
    if (rule.deny) {
      if (certain) taken = taken.with(rule.grant.actions);
      continue;
    }
    AccessGrant grant = rule.grant;
    grant.actions = grant.actions.without(taken);
    const bool provable = rule.methods.empty() || instance_can_prove_any(rule.methods);
    if (provable && why_not_enough(grant, facts.target).empty()) return true;
    if (certain) return false;
  }
  return false;
}

}  // namespace ssh2incus
