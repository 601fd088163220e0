// What must hold for all policies and logins, tried on many random ones.
#include <algorithm>
#include <random>

#include "policy/access_match.h"
#include "tests/unit/policy/access_policy_fixture.h"

namespace ssh2incus {
namespace {

constexpr int kTries = 20'000;

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  unsigned below(unsigned most) { return static_cast<unsigned>(random_() % most); }
  bool rarely() { return below(4) == 0; }
  ActionSet actions() {
    if (rarely()) return ActionSet::all();
    return ActionSet::of_bits(static_cast<unsigned>(random_()));
  }

  PatternList list(std::initializer_list<const char*> texts) {
    PatternList list;
    if (below(3) != 0) return list;
    for (const char* text : texts) {
      if (below(2) == 0) list.patterns.push_back({text, rarely()});
    }
    return list;
  }

  AccessRule rule(int number) {
    AccessRule rule;
    rule.name = "r" + std::to_string(number);
    rule.deny = below(3) == 0;
    rule.grant.actions = actions();
    rule.users = list({"alice", "bob", "*"});
    rule.groups = list({"devs", "ops"});
    rule.projects = list({"default", "prod", "user-%U"});
    rule.instances = list({"c1", "c*"});
    rule.authenticated_by = static_cast<AuthenticatedBy>(below(3));
    if (rarely())
      rule.hours.push_back({static_cast<int>(below(1440)), static_cast<int>(below(1440))});
    if (rarely()) rule.labels["env"] = {{{below(2) == 0 ? "prod" : "*", rarely()}}};
    if (rarely() && !rule.deny) {
      rule.methods = {{AuthMethod::kPublicKey, AuthMethod::kPassword}};
      if (rarely()) rule.methods.push_back({AuthMethod::kKeyboardInteractive});
    }
    if (rarely()) rule.grant.session_limit = std::chrono::seconds(1 + below(1000));
    return rule;
  }

  AccessPolicy policy() {
    AccessPolicy policy;
    const unsigned count = below(6);
    for (unsigned i = 0; i < count; ++i) policy.rules.push_back(rule(static_cast<int>(i)));
    return policy;
  }

  AccessFacts facts() {
    AccessFacts facts = login_facts(below(8) == 0 ? "%shell" : rarely() ? "+c2+priv" : "c1.prod");
    facts.account.name = below(2) == 0 ? "alice" : "bob";
    facts.account.group_names = {below(2) == 0 ? "devs" : "ops"};
    facts.authenticated_by_instance = rarely();
    facts.now_unix += below(86400);
    if (below(2) == 0) facts.methods.push_back(AuthMethod::kPassword);
    if (below(3) != 0) facts.labels = labels();
    return facts;
  }

  Labels labels() {
    if (rarely()) return {};
    return {{"env", below(2) == 0 ? "prod" : "dev"}};
  }

 private:
  std::mt19937 random_;
};

template <typename Property>
void for_many(const Property& property) {
  Generator generator(4711);
  for (int i = 0; i < kTries && !testing::Test::HasFailure(); ++i)
    property(generator.policy(), generator.facts(), generator);
}

ActionSet granted(const AccessPolicy& policy, const AccessFacts& facts) {
  const AccessVerdict verdict = decide_access(policy, facts);
  return verdict.outcome == Outcome::kAllowed ? verdict.grant.actions : ActionSet();
}

bool within(ActionSet part, ActionSet whole) { return part.without(whole).empty(); }

TEST(AccessProperty, NoRuleGrantsWhatAnEarlierDenyTook) {
  int allowed = 0;
  for_many([&](const AccessPolicy& policy, const AccessFacts& facts, Generator&) {
    const AccessVerdict verdict = decide_access(policy, facts);
    if (verdict.outcome != Outcome::kAllowed) return;
    ++allowed;
    for (const AccessRule& rule : policy.rules) {
      if (rule.name == verdict.rule) break;
      if (!rule.deny || match_rule(rule, facts) != RuleMatch::kYes) continue;
      EXPECT_TRUE(verdict.grant.actions.common(rule.grant.actions).empty()) << rule.name;
    }
  });
  EXPECT_GT(allowed, kTries / 20);  // otherwise this has shown nothing
}

TEST(AccessProperty, WhatIsGrantedIsTheFirstMatchingAllowRulesLessWhatWasTaken) {
  for_many([](const AccessPolicy& policy, const AccessFacts& facts, Generator&) {
    const AccessVerdict verdict = decide_access(policy, facts);
    if (verdict.outcome != Outcome::kAllowed) return;
    const auto first = std::ranges::find_if(policy.rules, [&](const AccessRule& rule) {
      return !rule.deny && match_rule(rule, facts) == RuleMatch::kYes;
    });
    ASSERT_NE(first, policy.rules.end());
    EXPECT_EQ(first->name, verdict.rule);
    EXPECT_TRUE(within(verdict.grant.actions, first->grant.actions));
    EXPECT_EQ(verdict.grant.session_limit, first->grant.session_limit);
  });
}

TEST(AccessProperty, ADenyRuleMoreNeverWidens) {
  for_many([](const AccessPolicy& policy, const AccessFacts& facts, Generator& generator) {
    AccessPolicy more = policy;
    AccessRule deny = generator.rule(99);
    deny.deny = true;
    deny.methods.clear();
    const auto at = generator.below(static_cast<unsigned>(policy.rules.size()) + 1);
    more.rules.insert(more.rules.begin() + at, deny);
    if (decide_access(more, facts).outcome == Outcome::kNeedsLabels) return;
    EXPECT_TRUE(within(granted(more, facts), granted(policy, facts)));
  });
}

TEST(AccessProperty, ANarrowerGrantNeverWidens) {
  for_many([](const AccessPolicy& policy, const AccessFacts& facts, Generator& generator) {
    if (policy.rules.empty()) return;
    AccessPolicy narrower = policy;
    AccessRule& rule =
        narrower.rules[generator.below(static_cast<unsigned>(narrower.rules.size()))];
    if (rule.deny) {
      rule.grant.actions = rule.grant.actions.with(generator.actions());
    } else {
      rule.grant.actions = rule.grant.actions.without(generator.actions());
      if (generator.rarely()) rule.methods = {{AuthMethod::kKeyboardInteractive}};
    }
    EXPECT_TRUE(within(granted(narrower, facts), granted(policy, facts)));
  });
}

TEST(AccessProperty, ARuleAtTheEndChangesNothingThatWasDecided) {
  for_many([](const AccessPolicy& policy, const AccessFacts& facts, Generator& generator) {
    const AccessVerdict before = decide_access(policy, facts);
    if (before.rule.empty()) return;  // no rule had decided
    AccessPolicy more = policy;
    more.rules.push_back(generator.rule(99));
    const AccessVerdict after = decide_access(more, facts);
    EXPECT_EQ(after.rule, before.rule);
    EXPECT_EQ(after.outcome, before.outcome);
    EXPECT_EQ(after.grant, before.grant);
  });
}

TEST(AccessProperty, WhatIsDecidedWithoutLabelsHoldsForAllLabels) {
  for_many([](const AccessPolicy& policy, AccessFacts facts, Generator& generator) {
    facts.labels.reset();
    const AccessVerdict before = decide_access(policy, facts);
    facts.labels = generator.labels();
    const AccessVerdict after = decide_access(policy, facts);
    EXPECT_NE(after.outcome, Outcome::kNeedsLabels);
    if (before.outcome == Outcome::kNeedsLabels) {
      EXPECT_NE(after.outcome, Outcome::kMoreMethods);  // it's too late to demand any
    } else if (before.outcome == Outcome::kAllowed) {
      EXPECT_EQ(after.outcome, Outcome::kAllowed);
      EXPECT_EQ(after.grant, before.grant);
    } else if (before.outcome == Outcome::kRefused) {
      EXPECT_EQ(after.outcome, Outcome::kRefused);
    }
  });
}

TEST(AccessProperty, WhoCanNeverGetInDoesNot) {
  for_many([](const AccessPolicy& policy, AccessFacts facts, Generator& generator) {
    facts.authenticated_by_instance = false;
    facts.labels = generator.labels();
    if (why_never_let_in(policy, facts.account).empty()) return;
    EXPECT_EQ(decide_access(policy, facts).outcome, Outcome::kRefused);
  });
}

TEST(AccessProperty, ProvingMoreNeverLoses) {
  for_many([](const AccessPolicy& policy, AccessFacts facts, Generator&) {
    const ActionSet before = granted(policy, facts);
    facts.methods.push_back(AuthMethod::kKeyboardInteractive);
    EXPECT_TRUE(within(before, granted(policy, facts)));
  });
}

}  // namespace
}  // namespace ssh2incus
