// Gathers the facts of a login that nobody makes. Everything comes from the administrator and the
// account database.
#include "monitor/explain.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "common/escape.h"
#include "monitor/access_file.h"
#include "monitor/host_lookup.h"
#include "policy/access_rules.h"
#include "policy/duration.h"

namespace ssh2incus {
namespace {

using Outcome = AccessVerdict::Outcome;

constexpr std::array kAllMethods = {AuthMethod::kPublicKey, AuthMethod::kPassword,
                                    AuthMethod::kKeyboardInteractive};
constexpr std::uint32_t kNobody = 65534;  // whom an instance vouches for is nobody on the host

void line(std::string& out, const char* name, const std::string& value) {
  std::string label = std::string(name) + ":";
  label.resize(16, ' ');
  out += label + value + "\n";
}

void append(std::string& list, std::string_view item) {
  if (!list.empty()) list += ", ";
  list += item;
}

Result<std::int64_t> parse_time(const std::string& text) {
  if (text.empty()) return static_cast<std::int64_t>(std::time(nullptr));
  tm local{};
  const char* end = strptime(text.c_str(), "%Y-%m-%d %H:%M", &local);
  if (end == nullptr || *end != '\0')
    return fail("--at: " + quoted(text) + " isn't \"YYYY-MM-DD HH:MM\"");
  local.tm_isdst = -1;
  return static_cast<std::int64_t>(std::mktime(&local));
}

std::string names_of(const std::vector<AuthMethod>& methods) {
  std::string names;
  for (const AuthMethod method : methods) append(names, auth_method_name(method));
  return names;
}

std::string create_text(const CreateOptions& create) {
  std::string text = create.ephemeral ? "an ephemeral instance" : "an instance";
  if (create.image) append(text, "image " + *create.image);
  if (create.memory_gib) append(text, std::to_string(*create.memory_gib) + " GiB of memory");
  if (create.cpus) append(text, std::to_string(*create.cpus) + " CPUs");
  if (create.disk_gib == 0U) {
    append(text, "unlimited disk");
  } else if (create.disk_gib) {
    append(text, std::to_string(*create.disk_gib) + " GiB of disk");
  }
  if (create.nested) append(text, "nesting");
  if (create.privileged) append(text, "privileged");
  if (create.virtual_machine) append(text, "virtual machine");
  return text;
}

Status add_labels(AccessFacts& facts, const std::vector<std::string>& texts) {
  if (texts.empty()) return {};
  facts.labels.emplace();
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail("--label: " + quoted(text) + " isn't NAME=VALUE");
    (*facts.labels)[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return {};
}

// "none" is no part of chains, it's all or nothing.
Result<std::vector<AuthMethod>> methods_of(const ServerConfig& config, const std::string& text) {
  if (text == "none" || (text.empty() && config.no_authentication))
    return std::vector{AuthMethod::kNone};
  if (text.empty()) return std::vector{AuthMethod::kPublicKey};
  auto methods = AuthenticationChains::parse(text, kAllMethods);
  if (!methods.ok()) return fail("--with: " + methods.error().message);
  return methods->chains().front();
}

Result<AccessFacts> facts_of(const ServerConfig& config, const ExplainFlags& question) {
  AccessFacts facts;
  facts.target = TRY(parse_login(question.login));
  if (!question.user.empty()) {
    auto user = HostUser::parse(question.user);
    if (!user.ok()) return fail("--as: " + user.error().message);
    facts.target.host_user = *user;
  }
  if (!IpAddress::parse(question.source))
    return fail("--from: " + quoted(question.source) + " is no IP address");
  facts.source_address = question.source;
  facts.methods = TRY(methods_of(config, question.methods));
  facts.authenticated_by_instance = question.by_instance;
  facts.now_unix = TRY(parse_time(question.time));
  const std::time_t now = facts.now_unix;
  tm local{};
  if (localtime_r(&now, &local) != nullptr)
    facts.utc_offset_seconds = static_cast<std::int32_t>(local.tm_gmtoff);
  facts.key_fingerprints = question.keys;
  facts.certificate_principals = question.principals;
  if (facts.target.remote) facts.remote = facts.target.remote->str();
  if (facts.target.project) facts.project = facts.target.project->str();
  TRY(add_labels(facts, question.labels));
  return facts;
}

void describe_login(std::string& out, const AccessFacts& facts) {
  const LoginTarget& target = facts.target;
  line(out, "login", format_login(target));
  if (target.kind == LoginTarget::Kind::kIncusShell) {
    line(out, "target", "the Incus shell");
  } else {
    line(out, "remote", facts.remote);
    line(out, "project", facts.project);
    line(out, "instance", target.instance->str());
    line(out, "instance user", target.user.str());
  }
  if (target.create) line(out, "creates", create_text(*target.create));
  if (target.persistent_session) line(out, "session", "persistent");
  if (!facts.authenticated_by_instance) line(out, "host user", target.host_user.str());
}

void describe_grant(std::string& out, const AccessGrant& grant) {
  line(out, "may", grant.actions.text());
  if (grant.session_limit) line(out, "session limit", duration_text(*grant.session_limit));
  if (grant.idle_limit) line(out, "idle limit", duration_text(*grant.idle_limit));
  if (grant.record) line(out, "recorded", "yes");
  std::string targets;
  for (const std::string& target : grant.local_forward_to) append(targets, target);
  if (!targets.empty()) line(out, "forwards to", targets);
  std::string ports;
  for (const PortRange& range : grant.remote_forward_ports)
    append(ports, std::to_string(range.first) + "-" + std::to_string(range.last));
  if (!ports.empty()) line(out, "listens on", ports);
}

// What no policy can allow is said beside the decision.
std::string with_what_is_missing(const std::string& decision, const AccessFacts& facts) {
  HostAccount account = facts.account;
  if (facts.authenticated_by_instance) account.uid = kNobody;
  const AccessDecision possible = decide_target_access(facts.target, account);
  return possible.allowed ? decision : decision + "; refused in any case: " + possible.reason;
}

std::string outcome_text(const AccessVerdict& verdict, const AccessPolicy& policy) {
  switch (verdict.outcome) {
    case Outcome::kRefused: return "refused after authentication: " + verdict.reason;
    case Outcome::kAllowed: return "allowed";
    case Outcome::kMoreMethods: return "more must be proven, next: " + names_of(verdict.next);
    case Outcome::kNeedsLabels: {
      std::string names;
      for (const std::string& name : policy.label_names()) append(names, name);
      return "depends on labels of the instance (--label): " + names;
    }
  }
  return {};
}

void describe_verdict(std::string& out, const AccessFacts& facts, const AccessPolicy& policy) {
  const AccessVerdict verdict = decide_access(policy, facts);
  if (!verdict.rule.empty()) line(out, "rule", verdict.rule);
  const std::string decision = outcome_text(verdict, policy);
  const bool refused = verdict.outcome == Outcome::kRefused;
  line(out, "decision", refused ? decision : with_what_is_missing(decision, facts));
  if (verdict.outcome == Outcome::kAllowed) describe_grant(out, verdict.grant);
}

std::string policy_name(const ServerConfig& config, bool is_default) {
  if (is_default) return "default (root and members of --groups)";
  return config.access.empty() ? kDefaultAccessFile : config.access;
}

void describe_account(std::string& out, const HostUserRecord& record) {
  std::string groups;
  for (const std::string& group : record.group_names) append(groups, group);
  line(out, "in groups", groups);
}

// Why the host accepts nothing of this user; empty if it may. Fills in the account.
Result<std::string> why_not_by_host(std::string& out, const AccessPolicy& policy,
                                    AccessFacts& facts) {
  const HostUserRecord record = TRY(look_up_host_user(facts.target.host_user));
  if (!record.found) return std::string("no such host user");
  facts.account = {facts.target.host_user.str(), record.uid, record.group_names};
  describe_account(out, record);
  return why_never_let_in(policy, facts.account);
}

std::string why_not_by_instance(const ServerConfig& config, const AccessFacts& facts) {
  if (!config.instance_authentication) return "instances vouch for nobody without --inauth";
  if (!instance_may_vouch(facts.target)) return "no instance may vouch for such a login";
  const bool is_possible = std::ranges::all_of(facts.methods, [](AuthMethod method) {
    return method == AuthMethod::kPublicKey || method == AuthMethod::kPassword;
  });
  return is_possible ? "" : "instances know keys and passwords only";
}

// Empty: they are enough for the access policy to be asked.
std::string why_not_enough(const AuthenticationChains& chains, const AccessFacts& facts) {
  if (chains.was_complete(facts.methods)) return {};
  const std::vector<AuthMethod> next = chains.next(facts.methods);
  if (next.empty())
    return "can't authenticate: no chain of methods begins with " + names_of(facts.methods);
  return with_what_is_missing("more must be proven, next: " + names_of(next), facts);
}

}  // namespace

Result<std::string> explain_login(const ServerConfig& config, const ExplainFlags& question) {
  AccessFacts facts = TRY(facts_of(config, question));
  const auto from_file = TRY(open_access_policy(config));
  const AccessPolicy policy = from_file ? *from_file : default_access_policy(config.allowed_groups);
  std::string out;
  describe_login(out, facts);
  const std::string never = question.by_instance ? why_not_by_instance(config, facts)
                                                 : TRY(why_not_by_host(out, policy, facts));
  line(out, "from", facts.source_address);
  line(out, "proven", names_of(facts.methods) + (question.by_instance ? ", to the instance" : ""));
  line(out, "policy", policy_name(config, from_file == nullptr));
  const std::string not_enough = why_not_enough(config.auth_chains, facts);
  if (!never.empty()) {
    line(out, "decision", "can't authenticate: " + never);
  } else if (!not_enough.empty()) {
    line(out, "decision", not_enough);
  } else {
    describe_verdict(out, facts, policy);
  }
  if (!question.by_instance && why_not_by_instance(config, facts).empty())
    line(out, "or", "the instance vouches for the login instead (--with-instance)");
  return out;
}

}  // namespace ssh2incus
