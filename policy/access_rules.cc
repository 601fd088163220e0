// A table of keys and what each does with its value. Fed by the administrator's file.
#include "policy/access_rules.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/escape.h"
#include "policy/access_values.h"
#include "policy/duration.h"

namespace ssh2incus {
namespace {

using Kind = ConfigNode::Kind;

constexpr std::uint32_t kMaxGib = 1'000'000;

class RulesReader {
 public:
  explicit RulesReader(ParsedAccess& out) : out_(out) {}
  void file(const ConfigNode& root);

 private:
  using Handler = void (RulesReader::*)(AccessRule&, const ConfigEntry&);
  struct Key {
    std::string_view name;
    Handler handler;
    bool of_allow_only;
  };
  static const std::array<Key, 23> kKeys;

  void problem(ConfigPosition where, std::string message) {
    if (out_.problems.size() < kMaxConfigProblems)
      out_.problems.push_back({where, std::move(message)});
  }
  void rule(const ConfigNode& node);
  void check(const AccessRule& rule, const ConfigNode& node);
  void check_labels();

  // Calls take(text) for the value or each of the list; an error is a problem at its place.
  template <typename Take>
  void values(const ConfigEntry& entry, const Take& take);
  // The one value, through parse(text).
  template <typename T, typename Parse>
  void value(T& out, const ConfigEntry& entry, const Parse& parse);
  void patterns(PatternList& list, const ConfigEntry& entry, PatternKind kind);
  void refuse_exceptions_alone(bool all_negated, const ConfigEntry& entry);

  void on_name(AccessRule& rule, const ConfigEntry& entry);
  void on_actions(AccessRule& rule, const ConfigEntry& entry);
  void on_authenticated_by(AccessRule& rule, const ConfigEntry& entry);
  template <PatternList AccessRule::*List, PatternKind kKind>
  void on_patterns(AccessRule& rule, const ConfigEntry& entry) {
    patterns(rule.*List, entry, kKind);
  }
  void on_sources(AccessRule& rule, const ConfigEntry& entry);
  void on_days(AccessRule& rule, const ConfigEntry& entry);
  void on_hours(AccessRule& rule, const ConfigEntry& entry);
  void on_labels(AccessRule& rule, const ConfigEntry& entry);
  void on_methods(AccessRule& rule, const ConfigEntry& entry);
  template <std::optional<std::chrono::seconds> AccessGrant::*Limit>
  void on_limit(AccessRule& rule, const ConfigEntry& entry) {
    value(rule.grant.*Limit, entry, parse_duration);
  }
  void on_record(AccessRule& rule, const ConfigEntry& entry);
  void on_local_forward_to(AccessRule& rule, const ConfigEntry& entry);
  void on_remote_forward_ports(AccessRule& rule, const ConfigEntry& entry);
  void on_create_limits(AccessRule& rule, const ConfigEntry& entry);
  void create_limit(CreateLimits& limits, const ConfigEntry& entry);

  ParsedAccess& out_;
};

const std::array<RulesReader::Key, 23> RulesReader::kKeys = {{
    {"name", &RulesReader::on_name, false},
    {"allow", &RulesReader::on_actions, false},
    {"deny", &RulesReader::on_actions, false},
    {"users", &RulesReader::on_patterns<&AccessRule::users, PatternKind::kUser>, false},
    {"groups", &RulesReader::on_patterns<&AccessRule::groups, PatternKind::kName>, false},
    {"keys", &RulesReader::on_patterns<&AccessRule::keys, PatternKind::kFingerprint>, false},
    {"principals", &RulesReader::on_patterns<&AccessRule::principals, PatternKind::kText>, false},
    {"authenticated-by", &RulesReader::on_authenticated_by, false},
    {"sources", &RulesReader::on_sources, false},
    {"days", &RulesReader::on_days, false},
    {"hours", &RulesReader::on_hours, false},
    {"remotes", &RulesReader::on_patterns<&AccessRule::remotes, PatternKind::kName>, false},
    {"projects", &RulesReader::on_patterns<&AccessRule::projects, PatternKind::kTargetName>, false},
    {"instances", &RulesReader::on_patterns<&AccessRule::instances, PatternKind::kTargetName>,
     false},
    {"instance-users",
     &RulesReader::on_patterns<&AccessRule::instance_users, PatternKind::kTargetName>, false},
    {"labels", &RulesReader::on_labels, false},
    {"methods", &RulesReader::on_methods, true},
    {"session-limit", &RulesReader::on_limit<&AccessGrant::session_limit>, true},
    {"idle-limit", &RulesReader::on_limit<&AccessGrant::idle_limit>, true},
    {"record", &RulesReader::on_record, true},
    {"local-forward-to", &RulesReader::on_local_forward_to, true},
    {"remote-forward-ports", &RulesReader::on_remote_forward_ports, true},
    {"create-limits", &RulesReader::on_create_limits, true},
}};

bool has_entry(const ConfigNode& node, std::string_view key) {
  return std::ranges::any_of(node.entries, [&](const ConfigEntry& e) { return e.key == key; });
}

void RulesReader::file(const ConfigNode& root) {
  if (root.kind != Kind::kMap)
    return problem(root.where, "the file must begin with \"version: 1\" and \"rules:\"");
  const ConfigNode* rules = nullptr;
  for (const ConfigEntry& entry : root.entries) {
    if (entry.key == "version") {
      if (entry.value.kind != Kind::kScalar || entry.value.text != "1")
        problem(entry.value.where, "the only version that this program knows is 1");
    } else if (entry.key == "rules") {
      rules = &entry.value;
    } else {
      problem(entry.where, unknown_key_text(entry.key, {"version", "rules"}));
    }
  }
  if (!has_entry(root, "version")) problem(root.where, "\"version: 1\" is missing");
  if (rules == nullptr) return problem(root.where, "\"rules:\" is missing");
  if (rules->kind != Kind::kList || rules->items.empty())
    return problem(rules->where, "'rules' takes a list of rules");
  if (rules->items.size() > kMaxAccessRules) return problem(rules->where, "too many rules");
  for (const ConfigNode& item : rules->items) rule(item);
  check_labels();
}

void RulesReader::rule(const ConfigNode& node) {
  if (node.kind != Kind::kMap)
    return problem(node.where, "a rule consists of keys: \"- name: ...\"");
  AccessRule rule;
  rule.deny = has_entry(node, "deny");
  rule.authenticated_by = rule.deny ? AuthenticatedBy::kAny : AuthenticatedBy::kHost;
  for (const ConfigEntry& entry : node.entries) {
    const auto key = std::ranges::find(kKeys, entry.key, &Key::name);
    if (key == kKeys.end()) {
      std::vector<std::string> known;
      for (const Key& one : kKeys) known.emplace_back(one.name);
      problem(entry.where, unknown_key_text(entry.key, known));
    } else if (key->of_allow_only && rule.deny) {
      problem(entry.where, quoted(entry.key) + " makes sense in allow rules only");
    } else {
      (this->*key->handler)(rule, entry);
    }
  }
  check(rule, node);
  out_.policy.rules.push_back(std::move(rule));
}

void RulesReader::check(const AccessRule& rule, const ConfigNode& node) {
  if (!has_entry(node, "name")) problem(node.where, "a rule needs a name");
  if (has_entry(node, "allow") == has_entry(node, "deny"))
    problem(node.where, "a rule needs either 'allow' or 'deny'");
  for (const AccessRule& other : out_.policy.rules) {
    if (other.name == rule.name && !rule.name.empty())
      problem(node.where, "two rules have the name " + quoted(rule.name));
  }
  constexpr std::array<std::pair<const char*, Action>, 3> kNeeds = {
      {{"local-forward-to", Action::kLocalForward},
       {"remote-forward-ports", Action::kRemoteForward},
       {"create-limits", Action::kCreate}}};
  for (const auto& [key, action] : kNeeds) {
    if (has_entry(node, key) && !rule.grant.actions.has(action)) {
      problem(node.where, std::string("'") + key + "' without '" +
                              std::string(action_name(action)) + "' in 'allow'");
    }
  }
  const bool names_account = !rule.users.patterns.empty() || !rule.groups.patterns.empty();
  if (names_account && rule.authenticated_by == AuthenticatedBy::kInstance)
    problem(node.where, "whom an instance has authenticated is no host user and in no group");
}

void RulesReader::check_labels() {
  if (out_.policy.label_names().size() > kMaxAccessLabels)
    problem({}, "the rules ask for more than " + std::to_string(kMaxAccessLabels) + " labels");
}

template <typename Take>
void RulesReader::values(const ConfigEntry& entry, const Take& take) {
  const auto one = [&](const ConfigNode& node) {
    if (node.kind != Kind::kScalar || node.text.empty())
      return problem(node.where, quoted(entry.key) + ": a text is wanted here");
    if (const Status taken = take(node.text); !taken.ok())
      problem(node.where, quoted(entry.key) + ": " + taken.error().message);
  };
  if (entry.value.kind == Kind::kScalar) return one(entry.value);
  if (entry.value.kind != Kind::kList || entry.value.items.empty())
    return problem(entry.where, quoted(entry.key) + " takes a value or a list of values");
  if (entry.value.items.size() > kMaxAccessList)
    return problem(entry.where, quoted(entry.key) + ": the list is too long");
  for (const ConfigNode& item : entry.value.items) one(item);
}

template <typename T, typename Parse>
void RulesReader::value(T& out, const ConfigEntry& entry, const Parse& parse) {
  if (entry.value.kind != Kind::kScalar)
    return problem(entry.where, quoted(entry.key) + " takes one value");
  auto parsed = parse(entry.value.text);
  if (!parsed.ok())
    return problem(entry.value.where, quoted(entry.key) + ": " + parsed.error().message);
  out = std::move(*parsed);
}

void RulesReader::patterns(PatternList& list, const ConfigEntry& entry, PatternKind kind) {
  values(entry, [&](const std::string& text) -> Status {
    list.patterns.push_back(TRY(parse_access_pattern(text, kind)));
    return {};
  });
  refuse_exceptions_alone(std::ranges::all_of(list.patterns, &PatternList::Pattern::negated),
                          entry);
}

void RulesReader::refuse_exceptions_alone(bool all_negated, const ConfigEntry& entry) {
  if (all_negated && out_.problems.empty())
    problem(entry.where, quoted(entry.key) + ": a list of exceptions alone matches nothing");
}

void RulesReader::on_name(AccessRule& rule, const ConfigEntry& entry) {
  value(rule.name, entry, [](const std::string& text) -> Result<std::string> {
    const bool fits = text.size() <= 64 && std::ranges::all_of(text, [](char c) {
                        return c > 0x20 && c < 0x7f && c != '\'' && c != '"';
                      });
    if (text.empty() || !fits) return fail("a name has up to 64 letters, without spaces");
    return text;
  });
}

void RulesReader::on_actions(AccessRule& rule, const ConfigEntry& entry) {
  values(entry, [&](const std::string& text) -> Status {
    if (text == "all") {
      rule.grant.actions = ActionSet::all();
      return {};
    }
    const auto action = action_named(text);
    if (!action) {
      return fail(quoted(text) + " is no action: all, " + ActionSet::all().text());
    }
    rule.grant.actions.add(*action);
    return {};
  });
}

void RulesReader::on_authenticated_by(AccessRule& rule, const ConfigEntry& entry) {
  value(rule.authenticated_by, entry, [](const std::string& text) -> Result<AuthenticatedBy> {
    if (text == "host") return AuthenticatedBy::kHost;
    if (text == "instance") return AuthenticatedBy::kInstance;
    if (text == "any") return AuthenticatedBy::kAny;
    return fail("host, instance or any");
  });
}

void RulesReader::on_sources(AccessRule& rule, const ConfigEntry& entry) {
  values(entry, [&](const std::string& text) -> Status {
    rule.sources.push_back(TRY(parse_access_source(text)));
    return {};
  });
  refuse_exceptions_alone(std::ranges::all_of(rule.sources, &SourceNetwork::negated), entry);
}

void RulesReader::on_days(AccessRule& rule, const ConfigEntry& entry) {
  values(entry, [&](const std::string& text) -> Status {
    const std::uint8_t days = TRY(parse_access_days(text));
    rule.days = static_cast<std::uint8_t>(rule.days.value_or(0) | days);
    return {};
  });
}

void RulesReader::on_hours(AccessRule& rule, const ConfigEntry& entry) {
  values(entry, [&](const std::string& text) -> Status {
    rule.hours.push_back(TRY(parse_access_hours(text)));
    return {};
  });
}

void RulesReader::on_labels(AccessRule& rule, const ConfigEntry& entry) {
  if (entry.value.kind != Kind::kMap || entry.value.entries.empty())
    return problem(entry.where, "'labels' takes names and patterns: {env: prod}");
  for (const ConfigEntry& label : entry.value.entries) {
    if (label.key.size() > limits::kMaxLabelName) {
      problem(label.where, "the name of a label is too long");
    } else if (label.key.starts_with("user.")) {
      problem(label.where, "write " + quoted(label.key.substr(5)) + " for " + quoted(label.key));
    } else {
      patterns(rule.labels[label.key], label, PatternKind::kText);
    }
  }
}

void RulesReader::on_methods(AccessRule& rule, const ConfigEntry& entry) {
  // No list: [publickey, password] would read as if both were demanded, but be a choice.
  value(rule.methods, entry,
        [](const std::string& text) -> Result<std::vector<std::vector<AuthMethod>>> {
          constexpr std::array kAll = {AuthMethod::kPublicKey, AuthMethod::kPassword,
                                       AuthMethod::kKeyboardInteractive};
          return TRY(AuthenticationChains::parse(text, kAll)).chains();
        });
}

void RulesReader::on_record(AccessRule& rule, const ConfigEntry& entry) {
  value(rule.grant.record, entry, parse_access_bool);
}

void RulesReader::on_local_forward_to(AccessRule& rule, const ConfigEntry& entry) {
  values(entry, [&](const std::string& text) -> Status {
    rule.grant.local_forward_to.push_back(TRY(parse_access_forward(text)));
    return {};
  });
}

void RulesReader::on_remote_forward_ports(AccessRule& rule, const ConfigEntry& entry) {
  values(entry, [&](const std::string& text) -> Status {
    rule.grant.remote_forward_ports.push_back(TRY(parse_access_ports(text)));
    return {};
  });
}

void RulesReader::on_create_limits(AccessRule& rule, const ConfigEntry& entry) {
  if (entry.value.kind != Kind::kMap)
    return problem(entry.where, "'create-limits' takes keys like {memory: 4, cpus: 2}");
  for (const ConfigEntry& limit : entry.value.entries) create_limit(rule.grant.create, limit);
}

void RulesReader::create_limit(CreateLimits& limits, const ConfigEntry& entry) {
  const auto number = [](const std::string& text) { return parse_access_number(text, kMaxGib); };
  if (entry.key == "memory") return value(limits.memory_gib, entry, number);
  if (entry.key == "cpus") return value(limits.cpus, entry, number);
  if (entry.key == "disk") return value(limits.disk_gib, entry, number);
  if (entry.key == "images") return patterns(limits.images, entry, PatternKind::kText);
  if (entry.key == "privileged") return value(limits.privileged, entry, parse_access_bool);
  if (entry.key == "nested") return value(limits.nested, entry, parse_access_bool);
  if (entry.key == "vm") return value(limits.virtual_machine, entry, parse_access_bool);
  if (entry.key == "devices") return value(limits.devices, entry, parse_access_bool);
  if (entry.key == "raw") return value(limits.raw, entry, parse_access_bool);
  if (entry.key == "max-instances") return value(limits.max_instances, entry, number);
  problem(entry.where,
          unknown_key_text(entry.key, {"memory", "cpus", "disk", "images", "privileged", "nested",
                                       "vm", "devices", "raw", "max-instances"}));
}

}  // namespace

ParsedAccess parse_access_rules(std::string_view text) {
  ConfigTree tree = parse_config_tree(text);
  ParsedAccess out;
  out.problems = std::move(tree.problems);
  if (out.problems.empty()) RulesReader(out).file(tree.root);
  if (!out.problems.empty()) out.policy = {};
  return out;
}

}  // namespace ssh2incus
