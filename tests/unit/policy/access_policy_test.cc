// What rules match, in which order they count, and what a login gets from them.
#include "tests/unit/policy/access_policy_fixture.h"

namespace ssh2incus {
namespace {

bool allowed(const std::string& keys, const AccessFacts& facts) {
  const std::string rule = "- {name: r, allow: all, " + keys + "}\n";
  return decide_access(policy_of(rule), facts).outcome == Outcome::kAllowed;
}

struct MatchCase {
  const char* keys;
  bool matches;
};

TEST(AccessRules, MatchOneKeyEach) {
  const AccessFacts facts = login_facts("web@c1.prod");
  const MatchCase cases[] = {
      {"users: alice", true},
      {"users: [bob, 'al*']", true},
      {"users: bob", false},
      {"users: '#1000'", true},
      {"users: '#100'", false},
      {"users: ['*', '!alice']", false},
      {"users: ['*', '!bob']", true},
      {"groups: devs", true},
      {"groups: [ops, incus]", true},
      {"groups: incus-admin", false},
      {"groups: ['*', '!devs']", false},
      {"keys: 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'", true},
      {"keys: 'SHA256:BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'", false},
      {"principals: '*'", false},
      {"authenticated-by: host", true},
      {"authenticated-by: any", true},
      {"authenticated-by: instance", false},
      {"sources: 192.0.2.0/24", true},
      {"sources: [10.0.0.0/8, 192.0.2.1]", true},
      {"sources: 10.0.0.0/8", false},
      {"sources: '::/0'", false},
      {"sources: [192.0.2.0/24, '!192.0.2.1']", false},
      {"days: wed", true},
      {"days: mon-fri", true},
      {"days: sat-wed", true},
      {"days: thu-tue", false},
      {"hours: '12:00-12:01'", true},
      {"hours: '11:00-12:00'", false},
      {"hours: '22:00-12:01'", true},
      {"hours: '22:00-06:00'", false},
      {"hours: ['01:00-02:00', '00:00-24:00']", true},
      {"remotes: local", true},
      {"remotes: other", false},
      {"projects: 'pro?'", true},
      {"projects: default", false},
      {"instances: c1", true},
      {"instances: 'c?2'", false},
      {"instances: '%u-*'", false},
      {"instance-users: web", true},
      {"instance-users: root", false},
      {"users: alice, projects: default", false},
      {"users: alice, projects: prod, instances: c1, instance-users: web", true},
  };
  for (const MatchCase& one : cases) EXPECT_EQ(allowed(one.keys, facts), one.matches) << one.keys;
}

TEST(AccessRules, TakeAnUnknownAddressForTheWorst) {
  AccessFacts facts = login_facts("web@c1.prod");
  for (const char* unknown : {"UNKNOWN", ""}) {
    facts.source_address = unknown;
    for (const char* sources :
         {"sources: ['0.0.0.0/0', '::/0']", "sources: ['0.0.0.0/0', '!10.0.0.0/8']"}) {
      EXPECT_FALSE(allowed(sources, facts)) << sources;
      const std::string rules =
          std::string("- {name: d, deny: all, ") + sources + "}\n- {name: a, allow: all}\n";
      EXPECT_NE(decide_access(policy_of(rules), facts).outcome, Outcome::kAllowed) << sources;
    }
  }
}

TEST(AccessRules, TakeTheServersClock) {
  AccessFacts facts = login_facts();
  facts.utc_offset_seconds = 13 * 3600;  // Thursday, 01:00
  EXPECT_TRUE(allowed("days: thu, hours: '01:00-02:00'", facts));
  facts.utc_offset_seconds = -13 * 3600;  // Tuesday, 23:00
  EXPECT_TRUE(allowed("days: tue, hours: '22:00-24:00'", facts));
  facts.now_unix = -1;
  facts.utc_offset_seconds = 0;  // 1969-12-31 23:59:59, a Wednesday
  EXPECT_TRUE(allowed("days: wed, hours: '23:59-24:00'", facts));
}

TEST(AccessRules, PutTheHostUserIntoNames) {
  EXPECT_TRUE(allowed("projects: 'user-%U'", login_facts("c1.user-1000")));
  EXPECT_FALSE(allowed("projects: 'user-%U'", login_facts("c1.user-1001")));
  EXPECT_FALSE(allowed("projects: 'user-%U'", login_facts("c1.user-10001")));
  EXPECT_TRUE(allowed("instances: '%u-*'", login_facts("alice-web")));
  EXPECT_FALSE(allowed("instances: '%u-*'", login_facts("bob-web")));
  AccessFacts facts = login_facts("c1.user-1000");
  facts.authenticated_by_instance = true;
  EXPECT_FALSE(allowed("authenticated-by: any, projects: 'user-%U'", facts));
}

TEST(AccessRules, TakeLoginsOfTheInstanceForNobodyOnTheHost) {
  AccessFacts facts = login_facts();
  facts.account = {"root", 0, {"incus"}};
  facts.authenticated_by_instance = true;
  EXPECT_FALSE(allowed("instances: '*'", facts));  // allow rules are for host users unless they say
  EXPECT_FALSE(allowed("authenticated-by: any, users: '*'", facts));
  EXPECT_FALSE(allowed("authenticated-by: any, users: '#0'", facts));
  EXPECT_FALSE(allowed("authenticated-by: any, groups: incus", facts));
  EXPECT_TRUE(allowed("authenticated-by: instance", facts));
  const AccessPolicy denied = policy_of(
      "- {name: d, deny: all, instances: c1}\n- {name: a, allow: all, "
      "authenticated-by: instance}\n");
  EXPECT_EQ(decide_access(denied, facts).rule, "d");
}

TEST(AccessRules, MatchPrincipalsOfCertificates) {
  AccessFacts facts = login_facts();
  facts.certificate_principals = {"ops", "alice@example.org"};
  EXPECT_TRUE(allowed("principals: '*@example.org'", facts));
  EXPECT_FALSE(allowed("principals: ['*', '!ops']", facts));
}

TEST(AccessRules, GiveTheIncusShellOnlyToRulesAboutNoInstance) {
  EXPECT_TRUE(allowed("users: alice", login_facts("%shell")));
  for (const char* keys :
       {"projects: '*'", "instances: '*'", "instance-users: '*'", "labels: {a: '*'}"}) {
    EXPECT_FALSE(allowed(keys, login_facts("%shell"))) << keys;
  }
  const AccessPolicy shells = policy_of("- {name: r, allow: [shell, exec]}\n");
  EXPECT_EQ(decide_access(shells, login_facts("%shell")).outcome, Outcome::kRefused);
}

TEST(AccessDecision, IsTheFirstMatchingAllowRules) {
  const AccessPolicy policy = policy_of(R"(
- {name: one, allow: shell, users: bob}
- {name: two, allow: [exec, start], groups: devs, session-limit: 8h, idle-limit: 90}
- {name: three, allow: all}
)");
  const AccessVerdict verdict = decide_access(policy, login_facts());
  EXPECT_EQ(verdict.outcome, Outcome::kAllowed);
  EXPECT_EQ(verdict.rule, "two");
  EXPECT_EQ(verdict.grant.actions, (ActionSet{Action::kExec, Action::kStart}));
  EXPECT_EQ(verdict.grant.session_limit, std::chrono::hours(8));
  EXPECT_EQ(verdict.grant.idle_limit, std::chrono::seconds(90));
}

TEST(AccessDecision, LeavesOutWhatEarlierRulesDenied) {
  const AccessPolicy policy = policy_of(R"(
- {name: no-agent, deny: [agent, exec]}
- {name: not-mine, deny: all, users: bob}
- {name: all, allow: all}
- {name: too-late, deny: all}
)");
  const AccessVerdict verdict = decide_access(policy, login_facts());
  EXPECT_EQ(verdict.rule, "all");
  EXPECT_EQ(verdict.grant.actions, ActionSet::all().without({Action::kAgent, Action::kExec}));
}

TEST(AccessDecision, NamesWhatRefuses) {
  const AccessPolicy policy = policy_of(R"(
- {name: closed, deny: all, projects: prod}
- {name: start-only, allow: start, projects: lab}
- {name: fine, allow: shell, users: alice}
)");
  EXPECT_EQ(decide_access(policy, login_facts("c1.prod")).rule, "closed");
  const AccessVerdict useless = decide_access(policy, login_facts("c1.lab"));
  EXPECT_EQ(useless.outcome, Outcome::kRefused);
  EXPECT_EQ(useless.rule, "start-only");
  AccessFacts stranger = login_facts();
  stranger.account.name = "eve";
  const AccessVerdict none = decide_access(policy, stranger);
  EXPECT_EQ(none.outcome, Outcome::kRefused);
  EXPECT_EQ(none.rule, "");
  EXPECT_FALSE(none.reason.empty());
}

TEST(AccessDecision, DemandsTheMethodsOfTheDecidingRule) {
  const AccessPolicy policy = policy_of(R"(
- {name: prod, allow: all, projects: prod, methods: "publickey,password publickey,publickey"}
- {name: rest, allow: all}
)");
  AccessFacts facts = login_facts("c1.prod");
  const AccessVerdict more = decide_access(policy, facts);
  EXPECT_EQ(more.outcome, Outcome::kMoreMethods);
  EXPECT_EQ(more.rule, "prod");
  EXPECT_EQ(more.next, (std::vector{AuthMethod::kPassword, AuthMethod::kPublicKey}));
  EXPECT_TRUE(more.grant.actions.empty());
  facts.methods = {AuthMethod::kPassword};  // in any order
  EXPECT_EQ(decide_access(policy, facts).next, std::vector{AuthMethod::kPublicKey});
  facts.methods = {AuthMethod::kPassword, AuthMethod::kPublicKey};
  EXPECT_EQ(decide_access(policy, facts).outcome, Outcome::kAllowed);
  facts.methods = {AuthMethod::kPublicKey, AuthMethod::kPublicKey};
  EXPECT_EQ(decide_access(policy, facts).outcome, Outcome::kAllowed);
  EXPECT_EQ(decide_access(policy, login_facts("c1.other")).rule, "rest");
}

TEST(AccessDecision, DemandsNothingOfALoginThatIsRefusedAnyway) {
  const AccessPolicy policy = policy_of(R"(
- {name: no, deny: [shell, exec, sftp, local-forward, remote-forward]}
- {name: prod, allow: all, methods: "publickey,password"}
)");
  EXPECT_EQ(decide_access(policy, login_facts()).outcome, Outcome::kRefused);
}

TEST(AccessDecision, AsksForLabelsOnlyIfTheyDecide) {
  const AccessPolicy policy = policy_of(R"(
- {name: no-prod, deny: all, labels: {env: prod}, projects: default}
- {name: all, allow: all, groups: devs}
- {name: late, allow: all, labels: {env: dev}}
)");
  EXPECT_EQ(policy.label_names(), std::vector<std::string>{"env"});
  EXPECT_EQ(decide_access(policy, login_facts("c1.other")).outcome, Outcome::kAllowed);
  AccessFacts facts = login_facts();
  EXPECT_EQ(decide_access(policy, facts).outcome, Outcome::kNeedsLabels);
  facts.labels = Labels{{"env", "prod"}};
  EXPECT_EQ(decide_access(policy, facts).rule, "no-prod");
  facts.labels = Labels{};
  EXPECT_EQ(decide_access(policy, facts).rule, "all");
  facts.labels.reset();
  facts.account.group_names.clear();
  EXPECT_EQ(decide_access(policy, facts).outcome, Outcome::kNeedsLabels);
  facts.labels = Labels{{"env", "dev"}};
  EXPECT_EQ(decide_access(policy, facts).rule, "late");
}

TEST(AccessDecision, DemandsMethodsBeforeLabelsAreKnown) {
  const AccessPolicy policy = policy_of(R"(
- {name: prod, allow: all, labels: {env: prod}, methods: "publickey,password"}
- {name: rest, allow: all}
)");
  AccessFacts facts = login_facts();
  EXPECT_EQ(decide_access(policy, facts).outcome, Outcome::kMoreMethods);
  facts.methods.push_back(AuthMethod::kPassword);
  EXPECT_EQ(decide_access(policy, facts).outcome, Outcome::kNeedsLabels);
}

TEST(AccessDecision, TakesAMissingLabelForNoMatch) {
  AccessFacts facts = login_facts();
  facts.labels = Labels{{"other", "x"}};
  EXPECT_FALSE(allowed("labels: {env: '*'}", facts));
  EXPECT_FALSE(allowed("labels: {env: ['*', '!dev']}", facts));
  facts.labels = Labels{{"env", "stage"}, {"team", "a"}};
  EXPECT_TRUE(allowed("labels: {env: ['*', '!dev'], team: a}", facts));
  EXPECT_FALSE(allowed("labels: {env: stage, team: b}", facts));
}

// How much is create_plan_test.cc's.
TEST(AccessDecision, LetsThoseCreateWhoMay) {
  const AccessPolicy policy = policy_of(R"(
- name: lab
  allow: [shell, create]
  create-limits: {memory: 4}
)");
  EXPECT_EQ(decide_access(policy, login_facts("c1")).outcome, Outcome::kAllowed);
  const AccessVerdict verdict = decide_access(policy, login_facts("+c9+m2"));
  EXPECT_EQ(verdict.outcome, Outcome::kAllowed);
  EXPECT_EQ(verdict.grant.create.memory_gib, 4U);
  const AccessPolicy none = policy_of("- {name: r, allow: [shell, exec]}\n");
  EXPECT_EQ(decide_access(none, login_facts("~c9")).outcome, Outcome::kRefused);
  EXPECT_EQ(decide_access(none, login_facts("c9")).outcome, Outcome::kAllowed);
}

TEST(AccessDecision, TellsBeforehandWhoCanNeverGetIn) {
  const AccessPolicy policy = policy_of(R"(
- {name: not-bob, deny: all, users: bob}
- {name: not-carl-at-night, deny: all, users: carl, hours: "22:00-06:00"}
- {name: devs, allow: all, groups: devs, sources: 10.0.0.0/8}
- {name: instances, allow: all, authenticated-by: instance}
)");
  EXPECT_EQ(why_never_let_in(policy, {"alice", 1000, {"devs"}}), "");
  EXPECT_EQ(why_never_let_in(policy, {"carl", 1001, {"devs"}}), "");
  EXPECT_NE(why_never_let_in(policy, {"bob", 1002, {"devs"}}).find("not-bob"), std::string::npos);
  EXPECT_NE(why_never_let_in(policy, {"eve", 1003, {"users"}}), "");
  EXPECT_NE(why_never_let_in(policy, {"root", 0, {}}), "");
}

TEST(DefaultAccess, IsForRootAndTheAllowedGroups) {
  const std::vector<std::string> groups = {"incus", "incus-admin"};
  const AccessPolicy policy = default_access_policy(groups);
  AccessFacts facts = login_facts();
  EXPECT_EQ(decide_access(policy, facts).rule, "groups");
  EXPECT_EQ(decide_access(policy, login_facts("+c9+priv+d0")).outcome, Outcome::kAllowed);
  EXPECT_EQ(decide_access(policy, login_facts("%shell")).outcome, Outcome::kRefused);
  facts.account = {"eve", 1001, {"users"}};
  EXPECT_EQ(decide_access(policy, facts).outcome, Outcome::kRefused);
  EXPECT_NE(why_never_let_in(policy, facts.account), "");
  facts = login_facts("%shell");
  facts.account = {"root", 0, {}};
  EXPECT_EQ(decide_access(policy, facts).rule, "root");
  facts.authenticated_by_instance = true;
  EXPECT_EQ(decide_access(policy, facts).outcome, Outcome::kRefused);
  facts.target = parse_login("c1").value();
  EXPECT_EQ(decide_access(policy, facts).rule, "instance");
  // Without any group, no list at all must not stand for everybody.
  EXPECT_NE(why_never_let_in(default_access_policy({}), {"alice", 1000, {"incus"}}), "");
}

TEST(DefaultAccess, InstallsForWhomeverTheHostVouches) {
  const std::vector<std::string> groups = {"incus"};
  const AccessPolicy policy = default_access_policy(groups);
  AccessFacts facts = login_facts("/c1");
  EXPECT_TRUE(decide_access(policy, facts).grant.actions.has(Action::kInstall));
  facts.account = {"root", 0, {}};
  EXPECT_TRUE(decide_access(policy, facts).grant.actions.has(Action::kInstall));
  facts.authenticated_by_instance = true;
  EXPECT_EQ(decide_access(policy, facts).outcome, Outcome::kAllowed);
  EXPECT_FALSE(decide_access(policy, facts).grant.actions.has(Action::kInstall));
  const ParsedAccess rules = parse_access_rules(
      "version: 1\nrules:\n  - {name: a, deny: install}\n  - {name: b, allow: all}\n");
  ASSERT_TRUE(rules.problems.empty());
  facts.authenticated_by_instance = false;
  EXPECT_FALSE(decide_access(rules.policy, facts).grant.actions.has(Action::kInstall));
}

TEST(IncusNativeAccess, GivesMembersTheirOwnProjectOnly) {
  const ParsedAccess native = parse_access_rules(kIncusNativeRules);
  ASSERT_TRUE(native.problems.empty());
  EXPECT_EQ(decide_access(native.policy, login_facts("c1.user-1000")).rule, "incus");
  EXPECT_EQ(decide_access(native.policy, login_facts("c1")).outcome, Outcome::kRefused);
  EXPECT_EQ(decide_access(native.policy, login_facts("c1.user-0")).outcome, Outcome::kRefused);
  EXPECT_EQ(decide_access(native.policy, login_facts("%shell")).outcome, Outcome::kRefused);
  const CreateLimits limits =
      decide_access(native.policy, login_facts("+c1.user-1000")).grant.create;
  EXPECT_FALSE(limits.privileged || limits.devices || limits.raw);
  AccessFacts admin = login_facts("+c1.any+priv");
  admin.account.group_names = {"incus", "incus-admin"};
  EXPECT_EQ(decide_access(native.policy, admin).rule, "incus-admin");
  AccessFacts root = login_facts("%shell");
  root.account = {"root", 0, {}};
  EXPECT_EQ(decide_access(native.policy, root).rule, "root");
}

}  // namespace
}  // namespace ssh2incus
