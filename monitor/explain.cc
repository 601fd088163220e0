// Gathers the facts of a login that nobody makes. Everything comes from the administrator and the
// account database.
#include "monitor/explain.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "common/escape.h"
#include "monitor/access_file.h"
#include "monitor/create_config_file.h"
#include "monitor/host_lookup.h"
#include "monitor/remotes.h"
#include "policy/access_rules.h"
#include "policy/explanation.h"

namespace ssh2incus {
namespace {

constexpr std::array kAllMethods = {AuthMethod::kPublicKey, AuthMethod::kPassword,
                                    AuthMethod::kKeyboardInteractive};

Result<std::int64_t> parse_time(const std::string& text) {
  if (text.empty()) return static_cast<std::int64_t>(std::time(nullptr));
  tm local{};
  const char* end = strptime(text.c_str(), "%Y-%m-%d %H:%M", &local);
  if (end == nullptr || *end != '\0')
    return fail("--at: " + quoted(text) + " isn't \"YYYY-MM-DD HH:MM\"");
  local.tm_isdst = -1;
  return static_cast<std::int64_t>(std::mktime(&local));
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
  facts.target = resolve_target(remotes_of(config), TRY(parse_login(question.login)));
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

std::string policy_name(const ServerConfig& config, bool is_default) {
  if (is_default) return "default (root and members of --groups)";
  return config.access.empty() ? kDefaultAccessFile : config.access;
}

void describe_account(std::string& out, const HostUserRecord& record) {
  std::string groups;
  for (const std::string& group : record.group_names) append_to_list(groups, group);
  explain_line(out, "in groups", groups);
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
std::string why_not_enough(const ServerConfig& config, const AccessFacts& facts) {
  const AuthenticationChains& chains = config.auth_chains;
  if (chains.was_complete(facts.methods)) return {};
  const std::vector<AuthMethod> next = chains.next(facts.methods);
  if (next.empty())
    return "can't authenticate: no chain of methods begins with " + method_names(facts.methods);
  return with_what_is_missing(
      "more must be proven, next: " + method_names(next),
      why_impossible(facts.target, config.allow_create, remotes_of(config)));
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
  explain_line(out, "from", facts.source_address);
  explain_line(out, "proven",
               method_names(facts.methods) + (question.by_instance ? ", to the instance" : ""));
  explain_line(out, "policy", policy_name(config, from_file == nullptr));
  const std::string not_enough = why_not_enough(config, facts);
  if (!never.empty()) {
    explain_line(out, "decision", "can't authenticate: " + never);
  } else if (!not_enough.empty()) {
    explain_line(out, "decision", not_enough);
  } else {
    std::shared_ptr<const CreateConfig> creation;
    if (config.allow_create) creation = TRY(open_create_config(config));
    const std::string impossible =
        why_impossible(facts.target, config.allow_create, remotes_of(config));
    describe_verdict(out, facts, policy, true, impossible, creation.get());
  }
  if (!question.by_instance && why_not_by_instance(config, facts).empty())
    explain_line(out, "or", "the instance vouches for the login instead (--with-instance)");
  return out;
}

}  // namespace ssh2incus
