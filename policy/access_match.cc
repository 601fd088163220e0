// Patterns are the administrator's, what they are compared with is the client's or the host's. A
// list without a positive match matches nothing; an exception that matches wins.
#include "policy/access_match.h"

#include <algorithm>

#include "common/environment_rule.h"

namespace ssh2incus {
namespace {

constexpr std::int64_t kDaySeconds = 24L * 3600;

// Calls matches(pattern text) for each pattern.
template <typename Matches>
bool matches_any(const PatternList& list, const Matches& matches) {
  bool found = false;
  for (const auto& pattern : list.patterns) {
    if (!matches(pattern.text)) continue;
    if (pattern.negated) return false;
    found = true;
  }
  return found;
}

bool matches_one_of(const PatternList& list, const std::vector<std::string>& texts) {
  return matches_any(list, [&](const std::string& pattern) {
    return std::ranges::any_of(
        texts, [&](const std::string& text) { return matches_pattern(text, pattern); });
  });
}

bool matches_user(const PatternList& list, const HostAccount& account) {
  return matches_any(list, [&](const std::string& pattern) {
    if (pattern.starts_with('#')) return pattern.substr(1) == std::to_string(account.uid);
    return matches_pattern(account.name, pattern);
  });
}

// %u, %U and %% replaced; none if the login is no host user's. Names of users hold no '*' or '?'.
std::optional<std::string> expanded(const std::string& pattern, const AccessFacts& facts) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      out += pattern[i];
      continue;
    }
    const char kind = pattern[++i];
    if (kind == '%') {
      out += '%';
      continue;
    }
    if (facts.authenticated_by_instance) return std::nullopt;
    out += kind == 'u' ? facts.account.name : std::to_string(facts.account.uid);
  }
  return out;
}

bool matches_name(const PatternList& list, std::string_view name, const AccessFacts& facts) {
  if (list.patterns.empty()) return true;
  if (!names_instance(facts.target)) return false;
  return matches_any(list, [&](const std::string& pattern) {
    const auto text = expanded(pattern, facts);
    return text && matches_pattern(name, *text);
  });
}

// As any user: an allow rule with users is for some, a deny rule with users leaves others.
bool matches_instance_user(const AccessRule& rule, const AccessFacts& facts) {
  if (!facts.any_instance_user) {
    return matches_name(rule.instance_users, facts.target.user.str(), facts);
  }
  return !rule.deny || rule.instance_users.patterns.empty();
}

bool matches_source(const AccessRule& rule, const std::string& source) {
  if (rule.sources.empty()) return true;
  const auto address = IpAddress::parse(source);
  // It can't be shown that it isn't from there, nor that it is.
  if (!address) return rule.deny;
  bool found = false;
  for (const SourceNetwork& entry : rule.sources) {
    if (!entry.network.contains(*address)) continue;
    if (entry.negated) return false;
    found = true;
  }
  return found;
}

bool matches_time(const AccessRule& rule, const AccessFacts& facts) {
  const std::int64_t local = facts.now_unix + facts.utc_offset_seconds;
  const std::int64_t day = local >= 0 ? local / kDaySeconds : -((-local - 1) / kDaySeconds) - 1;
  if (rule.days) {
    const auto weekday = static_cast<unsigned>((day % 7 + 7 + 3) % 7);  // 1970 began on a Thursday
    if (((static_cast<unsigned>(*rule.days) >> weekday) & 1U) == 0) return false;
  }
  if (rule.hours.empty()) return true;
  const auto minute = static_cast<int>((local - day * kDaySeconds) / 60);
  return std::ranges::any_of(rule.hours, [&](const HourRange& range) {
    if (range.from <= range.to) return minute >= range.from && minute < range.to;
    return minute >= range.from || minute < range.to;
  });
}

bool matches_who(const AccessRule& rule, const AccessFacts& facts) {
  switch (rule.authenticated_by) {
    case AuthenticatedBy::kAny: break;
    case AuthenticatedBy::kHost:
      if (facts.authenticated_by_instance) return false;
      break;
    case AuthenticatedBy::kInstance:
      if (!facts.authenticated_by_instance) return false;
      break;
  }
  const bool names_account = !rule.users.patterns.empty() || !rule.groups.patterns.empty();
  if (names_account && facts.authenticated_by_instance) return false;
  if (!matches_account(rule, facts.account)) return false;
  if (!rule.keys.patterns.empty() && !matches_one_of(rule.keys, facts.key_fingerprints))
    return false;
  return rule.principals.patterns.empty() ||
         matches_one_of(rule.principals, facts.certificate_principals);
}

}  // namespace

bool matches_list(const PatternList& list, std::string_view text) {
  return matches_any(list,
                     [&](const std::string& pattern) { return matches_pattern(text, pattern); });
}

bool matches_account(const AccessRule& rule, const HostAccount& account) {
  if (!rule.users.patterns.empty() && !matches_user(rule.users, account)) return false;
  return rule.groups.patterns.empty() || matches_one_of(rule.groups, account.group_names);
}

bool matches_login(const AccessRule& rule, const AccessFacts& facts) {
  const LoginTarget& target = facts.target;
  if (!names_instance(target) && !rule.labels.empty()) return false;
  return matches_who(rule, facts) && matches_source(rule, facts.source_address) &&
         matches_time(rule, facts) &&
         (rule.remotes.patterns.empty() || matches_list(rule.remotes, facts.remote)) &&
         matches_name(rule.projects, facts.project, facts) &&
         matches_name(rule.instances, target.instance ? target.instance->str() : "", facts) &&
         matches_instance_user(rule, facts);
}

bool matches_labels(const AccessRule& rule, const Labels& labels) {
  return std::ranges::all_of(rule.labels, [&](const auto& wanted) {
    const auto found = labels.find(wanted.first);
    return found != labels.end() && matches_list(wanted.second, found->second);
  });
}

}  // namespace ssh2incus
