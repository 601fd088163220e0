// Two grants together allow what both allow.
#include "policy/combined_grant.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

ForwardingRules rules(std::vector<std::string> texts) {
  std::vector<ForwardingRule> all;
  for (auto& text : texts) all.emplace_back(std::move(text));
  return all;
}

TEST(CombinedGrant, AllowsOnlyWhatBothAllow) {
  using Flag = bool KeyGrant::*;
  for (const Flag flag : {&KeyGrant::pty, &KeyGrant::agent_forwarding, &KeyGrant::port_forwarding,
                          &KeyGrant::x11_forwarding, &KeyGrant::user_rc}) {
    for (const bool one : {false, true}) {
      for (const bool other : {false, true}) {
        KeyGrant first;
        KeyGrant second;
        first.*flag = one;
        second.*flag = other;
        EXPECT_EQ((*combined_grant(first, second)).*flag, one && other);
      }
    }
  }
}

TEST(CombinedGrant, DemandsWhatEitherDemands) {
  for (const auto flag : {&KeyGrant::require_touch, &KeyGrant::require_verify}) {
    for (const bool one : {false, true}) {
      for (const bool other : {false, true}) {
        KeyGrant first;
        KeyGrant second;
        first.*flag = one;
        second.*flag = other;
        EXPECT_EQ((*combined_grant(first, second)).*flag, one || other);
      }
    }
  }
}

TEST(CombinedGrant, KeepsAForcedCommandAndRefusesTwoDifferentOnes) {
  KeyGrant plain;
  KeyGrant forced;
  forced.forced_command = KeyOptionText(std::string("backup"));
  KeyGrant other;
  other.forced_command = KeyOptionText(std::string("restore"));
  EXPECT_EQ(combined_grant(plain, forced)->forced_command, forced.forced_command);
  EXPECT_EQ(combined_grant(forced, plain)->forced_command, forced.forced_command);
  EXPECT_EQ(combined_grant(forced, forced)->forced_command, forced.forced_command);
  EXPECT_FALSE(combined_grant(forced, other).ok());
}

TEST(CombinedGrant, IntersectsForwardingRules) {
  KeyGrant any;
  KeyGrant web;
  web.permit_open = rules({"a:80", "b:80"});
  KeyGrant b;
  b.permit_open = rules({"b:80", "c:80"});
  EXPECT_EQ(combined_grant(any, web)->permit_open, web.permit_open);
  EXPECT_EQ(combined_grant(web, any)->permit_open, web.permit_open);
  EXPECT_EQ(combined_grant(web, b)->permit_open, rules({"b:80"}));
  EXPECT_TRUE(combined_grant(web, b)->port_forwarding);
  b.permit_open = rules({"c:80"});
  EXPECT_FALSE(combined_grant(web, b)->port_forwarding);
}

TEST(CombinedGrant, TakesTheEnvironmentOfBoth) {
  KeyGrant first;
  first.environment = std::vector<EnvironmentEntry>{{std::string("A"), std::string("1")}};
  KeyGrant second;
  second.environment = std::vector<EnvironmentEntry>{{std::string("B"), std::string("2")}};
  EXPECT_EQ(combined_grant(first, second)->environment.size(), 2U);
}

}  // namespace
}  // namespace ssh2incus
