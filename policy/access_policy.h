// Who may do what on which instances: the rules of access.yaml as values, and the decision that
// they lead to. Pure functions, fed with what the monitor knows of a login. How rules are read:
//
//   From the top. Every key that a rule has must match. A matching deny rule takes away, for good,
//   the actions that it lists. The first matching allow rule decides: what it lists, less what was
//   taken, is granted, with this rule's limits, once the login has proven what this rule demands.
//   No allow rule matches, or nothing is left: refused.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/authentication_chains.h"
#include "policy/host_access.h"
#include "policy/ip_address.h"
#include "policy/login_target.h"

namespace ssh2incus {

enum class Action : std::uint16_t {
  kShell = 1U << 0,
  kExec = 1U << 1,
  kSftp = 1U << 2,
  kLocalForward = 1U << 3,
  kRemoteForward = 1U << 4,
  kAgent = 1U << 5,
  kCreate = 1U << 6,
  kStart = 1U << 7,
  kDelete = 1U << 8,
  kIncusShell = 1U << 9,
  kInstall = 1U << 10,   // packages that a login needs, with the instance's package manager
  kSessions = 1U << 11,  // to see and end the connections of others
};
inline constexpr std::size_t kActionCount = 12;
std::string_view action_name(Action action);  // as in access.yaml
std::optional<Action> action_named(std::string_view name);

class ActionSet {
 public:
  constexpr ActionSet() = default;
  constexpr ActionSet(std::initializer_list<Action> actions) {
    for (const Action action : actions) add(action);
  }
  static constexpr ActionSet all() { return ActionSet((1U << kActionCount) - 1); }
  // Bits as in Action; others are dropped.
  static constexpr ActionSet of_bits(unsigned bits) { return ActionSet(bits & all().bits_); }

  constexpr void add(Action action) { bits_ |= static_cast<unsigned>(action); }
  [[nodiscard]] constexpr bool has(Action action) const {
    return (bits_ & static_cast<unsigned>(action)) != 0;
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr ActionSet without(ActionSet taken) const {
    return ActionSet(bits_ & ~taken.bits_);
  }
  [[nodiscard]] constexpr ActionSet with(ActionSet more) const {
    return ActionSet(bits_ | more.bits_);
  }
  [[nodiscard]] constexpr ActionSet common(ActionSet other) const {
    return ActionSet(bits_ & other.bits_);
  }
  [[nodiscard]] std::vector<Action> list() const;
  [[nodiscard]] std::string text() const;  // "shell, exec"
  friend constexpr bool operator==(ActionSet, ActionSet) = default;

 private:
  explicit constexpr ActionSet(unsigned bits) : bits_(bits) {}
  unsigned bits_ = 0;
};

// A list of which any one must match and no exception ('!') may. Empty: the rule has no such key.
struct PatternList {
  struct Pattern {
    std::string text;  // '*' and '?'; in projects, instances and instance users also %u and %U
    bool negated = false;
    friend bool operator==(const Pattern&, const Pattern&) = default;
  };
  std::vector<Pattern> patterns;
  friend bool operator==(const PatternList&, const PatternList&) = default;
};

struct SourceNetwork {
  IpNetwork network;
  bool negated = false;
};

// Minutes since midnight; from > to: over midnight. 24:00 is 1440.
struct HourRange {
  int from = 0;
  int to = 0;
  friend bool operator==(const HourRange&, const HourRange&) = default;
};

struct PortRange {
  std::uint16_t first = 1;
  std::uint16_t last = 65535;
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// What `create` may make; absent or empty: no limit. policy/create_plan.h judges by them.
struct CreateLimits {
  std::optional<std::uint32_t> memory_gib;
  std::optional<std::uint32_t> cpus;
  std::optional<std::uint32_t> disk_gib;
  PatternList images;
  bool privileged = false;
  bool nested = true;
  bool virtual_machine = true;
  bool devices = false;                        // other than the root disk
  bool raw = false;                            // configuration that touches the host
  std::optional<std::uint32_t> max_instances;  // that one host user has created and that exist
  friend bool operator==(const CreateLimits&, const CreateLimits&) = default;
};

enum class AuthenticatedBy : std::uint8_t { kHost, kInstance, kAny };

struct AccessGrant {
  ActionSet actions;
  std::vector<std::string> local_forward_to;    // "host:port" patterns; empty: anywhere
  std::vector<PortRange> remote_forward_ports;  // empty: any
  CreateLimits create;
  std::optional<std::chrono::seconds> session_limit;
  std::optional<std::chrono::seconds> idle_limit;
  bool record = false;
  friend bool operator==(const AccessGrant&, const AccessGrant&) = default;
};

struct AccessRule {
  std::string name;
  bool deny = false;
  // Who. A login that only the instance has authenticated is no host user's.
  PatternList users;  // of the host; "#0" is a user id
  PatternList groups;
  PatternList keys;  // fingerprints, "SHA256:..."
  PatternList principals;
  AuthenticatedBy authenticated_by = AuthenticatedBy::kAny;
  // From where and when, by the server's clock.
  std::vector<SourceNetwork> sources;
  std::optional<std::uint8_t> days;  // bit 0: Monday
  std::vector<HourRange> hours;
  // On what. %shell and %sessions are on no project, instance or user.
  PatternList remotes;
  PatternList projects;
  PatternList instances;
  PatternList instance_users;
  std::map<std::string, PatternList> labels;  // name without "user."
  // Demanded by an allow rule: one of these chains, in any order. None: nothing more.
  std::vector<std::vector<AuthMethod>> methods;
  // What is allowed, with its limits; of a deny rule only the actions count.
  AccessGrant grant;
};

struct AccessPolicy {
  std::vector<AccessRule> rules;

  // The label names that any rule asks for, each once.
  [[nodiscard]] std::vector<std::string> label_names() const;
};

using Labels = std::map<std::string, std::string>;

struct AccessFacts {
  HostAccount account;
  bool authenticated_by_instance = false;  // and not by the host
  std::vector<std::string> key_fingerprints;
  std::vector<std::string> certificate_principals;
  std::vector<AuthMethod> methods;  // that have succeeded
  std::string source_address;
  std::int64_t now_unix = 0;
  std::int32_t utc_offset_seconds = 0;
  std::string remote = "local";
  std::string project = "default";
  LoginTarget target;
  bool any_instance_user = false;  // rather than the target's: whichever suits
  std::optional<Labels> labels;    // none: nobody has asked for them
};

struct AccessVerdict {
  enum class Outcome : std::uint8_t {
    kRefused,
    kAllowed,
    kMoreMethods,  // the rule demands more than was proven
    kNeedsLabels,  // it depends on the instance's labels
  };
  Outcome outcome = Outcome::kRefused;
  std::string rule;              // that decides; of a refusal by no rule: empty
  std::string reason;            // of a refusal, for the log
  std::vector<AuthMethod> next;  // with kMoreMethods
  AccessGrant grant;             // with kAllowed
};

// %list and %explain are open to whom the host has authenticated, and so is %sessions, where the
// grant has kSessions if the connections of others are included.
// With labels unknown, a rule with labels that may decide demands its methods, for afterwards it's
// too late; and kAllowed and kRefused hold whatever the labels are.
AccessVerdict decide_access(const AccessPolicy& policy, const AccessFacts& facts);

// Whether a login that has proven what the facts say may enter that instance, as any of its users.
bool may_enter(const AccessPolicy& policy, AccessFacts facts, const ProjectName& project,
               const InstanceName& instance);

// Why this account can't get in whatever else is true of the login; empty if it may. For the time
// before anything is proven.
std::string why_never_let_in(const AccessPolicy& policy, const HostAccount& account);
// Whether a login to that target, from there and now, could be let in if the instance vouches for
// it by these chains. Whatever else the facts say doesn't matter: nothing is proven yet.
bool instance_may_count(const AccessPolicy& policy, const AuthenticationChains& chains,
                        AccessFacts facts);

// Of one rule.
enum class RuleMatch : std::uint8_t { kNo, kYes, kIfLabels };
RuleMatch match_rule(const AccessRule& rule, const AccessFacts& facts);

}  // namespace ssh2incus
