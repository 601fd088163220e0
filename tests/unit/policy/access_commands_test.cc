// What the access rules make of logins that are a command: %list, %sessions, %explain, %rm, %shell.
#include "policy/explanation.h"
#include "tests/unit/policy/access_policy_fixture.h"

namespace ssh2incus {
namespace {

ProjectName project(const char* name) { return ProjectName::parse(name).value(); }
InstanceName instance(const char* name) { return InstanceName::parse(name).value(); }

TEST(AccessCommands, ListAndExplanationAreForWhomTheHostHasAuthenticated) {
  const AccessPolicy nothing;
  for (const char* login : {"%list", "%explain/c1", "%sessions"}) {
    AccessFacts facts = login_facts(login);
    const auto verdict = decide_access(nothing, facts);
    EXPECT_EQ(verdict.outcome, Outcome::kAllowed) << login;
    EXPECT_TRUE(verdict.grant.actions.empty()) << login;
    facts.authenticated_by_instance = true;
    EXPECT_EQ(decide_access(nothing, facts).outcome, Outcome::kRefused) << login;
  }
}

TEST(AccessCommands, SessionsOfOthersNeedTheAction) {
  const AccessPolicy policy = policy_of(
      "- {name: a, users: alice, allow: [sessions]}\n"
      "- {name: b, users: '*', allow: [shell]}\n");
  AccessFacts facts = login_facts("%sessions");
  EXPECT_TRUE(decide_access(policy, facts).grant.actions.has(Action::kSessions));
  facts.account.name = "bob";
  const auto verdict = decide_access(policy, facts);
  EXPECT_EQ(verdict.outcome, Outcome::kAllowed);
  EXPECT_TRUE(verdict.grant.actions.empty());
  EXPECT_TRUE(verdict.rule.empty());
}

TEST(AccessCommands, RulesMayDemandMoreProofForSessionsOfOthers) {
  const AccessPolicy policy =
      policy_of("- {name: a, users: alice, allow: [sessions], methods: 'publickey,password'}\n");
  EXPECT_EQ(decide_access(policy, login_facts("%sessions")).outcome, Outcome::kMoreMethods);
}

TEST(AccessCommands, RemovalNeedsDeleteOnThatInstance) {
  const AccessPolicy policy = policy_of(
      "- {name: keep, instances: db, deny: [delete]}\n"
      "- {name: mine, projects: p1, allow: [shell, delete]}\n"
      "- {name: rest, allow: [shell]}\n");
  const auto outcome = [&](const char* login) {
    return decide_access(policy, login_facts(login)).outcome;
  };
  EXPECT_EQ(outcome("%rm/c1.p1"), Outcome::kAllowed);
  EXPECT_EQ(outcome("%rm-f/c1.p1"), Outcome::kAllowed);
  EXPECT_EQ(outcome("%rm/db.p1"), Outcome::kRefused);
  EXPECT_EQ(outcome("%rm/c1"), Outcome::kRefused);
  EXPECT_EQ(outcome("c1"), Outcome::kAllowed);
}

TEST(AccessCommands, RemovalMayDependOnLabels) {
  const AccessPolicy policy = policy_of("- {name: test, labels: {env: test}, allow: [delete]}\n");
  AccessFacts facts = login_facts("%rm/c1");
  EXPECT_EQ(decide_access(policy, facts).outcome, Outcome::kNeedsLabels);
  facts.labels = Labels{{"env", "test"}};
  EXPECT_EQ(decide_access(policy, facts).outcome, Outcome::kAllowed);
  facts.labels = Labels{{"env", "production"}};
  EXPECT_EQ(decide_access(policy, facts).outcome, Outcome::kRefused);
}

TEST(AccessCommands, InstancesThatOneMayEnterAsSomebody) {
  const AccessPolicy policy = policy_of(
      "- {name: no, instances: secret, deny: all}\n"
      "- {name: no-root, instance-users: root, deny: all}\n"
      "- {name: as-web, instances: 'web*', instance-users: web, allow: [shell]}\n"
      "- {name: files, projects: p1, allow: [sftp]}\n"
      "- {name: delete, instances: old, allow: [delete]}\n"
      "- {name: mfa, instances: bank, allow: [shell], methods: 'publickey,password'}\n"
      "- {name: label, labels: {team: a}, allow: [shell]}\n");
  AccessFacts facts = login_facts("%list");
  facts.labels.emplace();
  const auto may = [&](const char* in, const char* name) {
    return may_enter(policy, facts, project(in), instance(name));
  };
  EXPECT_TRUE(may("default", "web1"));
  EXPECT_FALSE(may("default", "other"));
  EXPECT_TRUE(may("p1", "other"));
  EXPECT_FALSE(may("p1", "secret"));
  EXPECT_FALSE(may("default", "old"));
  EXPECT_FALSE(may("default", "bank"));
  facts.labels = Labels{{"team", "a"}};
  EXPECT_TRUE(may("default", "other"));
}

TEST(AccessCommands, TheListIsWhatLoginsWouldGet) {
  const AccessPolicy policy = policy_of(
      "- {name: a, instances: ['web*', '!web2'], allow: [shell]}\n"
      "- {name: b, projects: p1, hours: '08:00-20:00', allow: [exec]}\n");
  AccessFacts facts = login_facts("%list");
  facts.labels.emplace();
  for (const char* name : {"web1", "web2", "c1"}) {
    for (const char* in : {"default", "p1"}) {
      const auto login = decide_access(policy, login_facts(std::string(name) + "." + in));
      EXPECT_EQ(may_enter(policy, facts, project(in), instance(name)),
                login.outcome == Outcome::kAllowed)
          << name << "." << in;
    }
  }
}

TEST(Explanation, TellsUsersWhatAndAdministratorsWhy) {
  const AccessPolicy policy = policy_of("- {name: secret-name, allow: [shell, sftp]}\n");
  for (const bool for_administrator : {true, false}) {
    std::string text;
    AccessFacts facts = login_facts("alice@c1.p1");
    describe_login(text, facts);
    describe_verdict(text, facts, policy, for_administrator);
    EXPECT_NE(text.find("instance user:  alice\n"), std::string::npos) << text;
    EXPECT_NE(text.find("project:        p1\n"), std::string::npos) << text;
    EXPECT_NE(text.find("may:            shell, sftp\n"), std::string::npos) << text;
    EXPECT_EQ(text.find("secret-name") != std::string::npos, for_administrator) << text;
  }
}

}  // namespace
}  // namespace ssh2incus
