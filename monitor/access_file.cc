// Opens the file as strictly as a key file; policy/access_rules.h reads it.
#include "monitor/access_file.h"

#include <algorithm>

#include "common/escape.h"
#include "monitor/strict_modes.h"
#include "policy/access_rules.h"

namespace ssh2incus {
namespace {

using Policy = std::shared_ptr<const AccessPolicy>;

// Nothing if the file doesn't exist.
Result<std::optional<AccessPolicy>> read_policy(const std::string& path) {
  auto file = open_trusted_file({path, 0, {}});
  if (!file.ok()) return fail(path + ": " + file.error().message);
  if (!*file) return std::optional<AccessPolicy>();
  auto text = read_bounded(**file, kMaxConfigFile);
  if (!text.ok()) return fail(path + ": " + text.error().message);
  ParsedAccess parsed = parse_access_rules(*text);
  std::string problems;
  for (const ConfigProblem& problem : parsed.problems)
    problems += (problems.empty() ? "" : "; ") + text_of(problem, path);
  if (!problems.empty()) return fail(problems);
  return std::optional(std::move(parsed.policy));
}

Status check_possible(const AccessPolicy& policy, const ServerConfig& config) {
  const auto enabled = [&](AuthMethod method) {
    return std::ranges::find(config.enabled_methods, method) != config.enabled_methods.end();
  };
  for (const AccessRule& rule : policy.rules) {
    const std::string name = "access rule " + quoted(rule.name);
    if (rule.grant.record)
      return fail(name + ": this version doesn't have recording yet; a later one brings it");
    const bool possible =
        rule.methods.empty() || std::ranges::any_of(rule.methods, [&](const auto& chain) {
          return std::ranges::all_of(chain, enabled);
        });
    if (!possible) return fail(name + " demands methods that this server doesn't have enabled");
  }
  return {};
}

}  // namespace

Result<AccessPolicy> load_access_policy(const std::string& path) {
  auto policy = TRY(read_policy(path));
  if (!policy) return fail(path + ": no such file");
  return std::move(*policy);
}

Result<Policy> open_access_policy(const ServerConfig& config, const std::string& default_file) {
  AccessPolicy policy;
  if (config.access == "default") return Policy();
  if (config.access == "incus-native") {
    policy = parse_access_rules(kIncusNativeRules).policy;
  } else if (config.access.empty()) {
    auto found = TRY(read_policy(default_file));
    if (!found) return Policy();
    policy = std::move(*found);
  } else {
    policy = TRY(load_access_policy(config.access));
  }
  TRY(check_possible(policy, config));
  return Policy(std::make_shared<const AccessPolicy>(std::move(policy)));
}

}  // namespace ssh2incus
