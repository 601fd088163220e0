// See explanation.h.
#include "policy/explanation.h"

#include "policy/create_plan.h"
#include "policy/duration.h"

namespace ssh2incus {
namespace {

using Outcome = AccessVerdict::Outcome;

const char* command_name(LoginTarget::Kind kind) {
  switch (kind) {
    case LoginTarget::Kind::kIncusShell: return "the Incus shell";
    case LoginTarget::Kind::kList: return "a list of the instances that one may enter";
    case LoginTarget::Kind::kSessions: return "a list of connections";
    case LoginTarget::Kind::kExplain: return "an explanation";
    case LoginTarget::Kind::kRemove:
    case LoginTarget::Kind::kInstance: break;
  }
  return "an instance";
}

std::string create_text(const CreateOptions& create) {
  std::string text = create.ephemeral ? "an ephemeral instance" : "an instance";
  if (create.image) append_to_list(text, "image " + *create.image);
  if (create.memory_gib)
    append_to_list(text, std::to_string(*create.memory_gib) + " GiB of memory");
  if (create.cpus) append_to_list(text, std::to_string(*create.cpus) + " CPUs");
  if (create.disk_gib == 0U) {
    append_to_list(text, "unlimited disk");
  } else if (create.disk_gib) {
    append_to_list(text, std::to_string(*create.disk_gib) + " GiB of disk");
  }
  if (create.nested) append_to_list(text, "nesting");
  if (create.privileged) append_to_list(text, "privileged");
  if (create.virtual_machine) append_to_list(text, "virtual machine");
  for (const std::string& profile : create.profiles) append_to_list(text, "profile " + profile);
  return text;
}

void describe_grant(std::string& out, const AccessGrant& grant) {
  if (!grant.actions.empty()) explain_line(out, "may", grant.actions.text());
  if (grant.session_limit) explain_line(out, "session limit", duration_text(*grant.session_limit));
  if (grant.idle_limit) explain_line(out, "idle limit", duration_text(*grant.idle_limit));
  if (grant.record) explain_line(out, "recorded", "yes");
  std::string targets;
  for (const std::string& target : grant.local_forward_to) append_to_list(targets, target);
  if (!targets.empty()) explain_line(out, "forwards to", targets);
  std::string ports;
  for (const PortRange& range : grant.remote_forward_ports)
    append_to_list(ports, std::to_string(range.first) + "-" + std::to_string(range.last));
  if (!ports.empty()) explain_line(out, "listens on", ports);
}

std::string outcome_text(const AccessVerdict& verdict, const AccessPolicy& policy,
                         bool for_administrator) {
  switch (verdict.outcome) {
    case Outcome::kRefused: return "refused after authentication: " + verdict.reason;
    case Outcome::kAllowed: return "allowed";
    case Outcome::kMoreMethods: return "more must be proven, next: " + method_names(verdict.next);
    case Outcome::kNeedsLabels: {
      std::string names;
      for (const std::string& name : policy.label_names()) append_to_list(names, name);
      return "depends on labels of the instance" +
             std::string(for_administrator ? " (--label): " : ": ") + names;
    }
  }
  return {};
}

}  // namespace

void explain_line(std::string& out, const char* name, const std::string& value) {
  std::string label = std::string(name) + ":";
  label.resize(16, ' ');
  out += label + value + "\n";
}

void append_to_list(std::string& list, std::string_view item) {
  if (!list.empty()) list += ", ";
  list += item;
}

std::string method_names(const std::vector<AuthMethod>& methods) {
  std::string names;
  for (const AuthMethod method : methods) append_to_list(names, auth_method_name(method));
  return names;
}

void describe_login(std::string& out, const AccessFacts& facts) {
  const LoginTarget& target = facts.target;
  explain_line(out, "login", format_login(target));
  if (names_instance(target)) {
    explain_line(out, "remote", facts.remote);
    explain_line(out, "project", facts.project);
    explain_line(out, "instance", target.instance->str());
  } else {
    explain_line(out, "target", command_name(target.kind));
  }
  if (target.kind == LoginTarget::Kind::kInstance) {
    explain_line(out, "instance user", target.user.str());
  } else if (target.kind == LoginTarget::Kind::kRemove) {
    explain_line(out, "does", target.without_asking ? "delete it without asking" : "delete it");
  }
  if (target.create) explain_line(out, "creates", create_text(*target.create));
  if (target.persistent_session) explain_line(out, "session", "persistent");
  if (!facts.authenticated_by_instance) explain_line(out, "host user", target.host_user.str());
}

std::string why_impossible(const LoginTarget& target, bool creation, const Remotes& remotes) {
  const AccessDecision possible = decide_target_access(target, creation);
  return possible.allowed ? why_not_remote(remotes, target) : possible.reason;
}

std::string with_what_is_missing(const std::string& decision, const std::string& impossible) {
  return impossible.empty() ? decision : decision + "; refused in any case: " + impossible;
}

void describe_verdict(std::string& out, const AccessFacts& facts, const AccessPolicy& policy,
                      bool for_administrator, const std::string& impossible,
                      const CreateConfig* creation) {
  const AccessVerdict verdict = decide_access(policy, facts);
  if (for_administrator && !verdict.rule.empty()) explain_line(out, "rule", verdict.rule);
  const std::string decision = outcome_text(verdict, policy, for_administrator);
  const bool refused = verdict.outcome == Outcome::kRefused;
  explain_line(out, "decision", refused ? decision : with_what_is_missing(decision, impossible));
  if (verdict.outcome != Outcome::kAllowed) return;
  describe_grant(out, verdict.grant);
  if (creation == nullptr || !facts.target.create) return;
  const auto plan = plan_creation(*creation, *facts.target.create, verdict.grant.create);
  explain_line(out, "if missing",
               plan.ok() ? "created: " + text_of(*plan) : "refused: " + plan.error().message);
}

}  // namespace ssh2incus
