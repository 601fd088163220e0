// Failures of one user, from wherever they come.
#include "policy/user_penalties.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

using std::chrono::seconds;

IpAddress ip(const std::string& text) { return *IpAddress::parse(text); }
const IpAddress kSource = ip("192.0.2.1");

bool fail(UserPenalties& penalties, int times, seconds now, const std::string& user = "anna") {
  bool newly = false;
  for (int i = 0; i < times; ++i) newly = penalties.record_failure(user, now) || newly;
  return newly;
}

TEST(UserPenalties, HoldBackAfterTooManyFailures) {
  UserPenalties penalties;
  EXPECT_FALSE(fail(penalties, 30, seconds(0)));
  EXPECT_FALSE(penalties.holds_back("anna", kSource, seconds(0)));
  EXPECT_TRUE(fail(penalties, 1, seconds(0)));
  EXPECT_TRUE(penalties.holds_back("anna", kSource, seconds(0)));
  EXPECT_FALSE(penalties.holds_back("bert", kSource, seconds(0)));
  EXPECT_FALSE(fail(penalties, 1, seconds(0)));  // told once
}

TEST(UserPenalties, ForgetExponentially) {
  UserPenalties penalties;
  fail(penalties, 60, seconds(0));
  EXPECT_TRUE(penalties.holds_back("anna", kSource, seconds(119)));
  EXPECT_FALSE(penalties.holds_back("anna", kSource, seconds(121)));
}

TEST(UserPenalties, AddUpToTheMaximum) {
  UserPenalties penalties;
  fail(penalties, 10'000, seconds(0));
  EXPECT_TRUE(penalties.holds_back("anna", kSource, seconds(239)));
  EXPECT_FALSE(penalties.holds_back("anna", kSource, seconds(241)));
}

TEST(UserPenalties, SpareSourcesFromWhichTheUserHasLoggedIn) {
  UserPenalties penalties;
  penalties.record_success("anna", ip("2001:db8::1"));
  penalties.record_success("bert", kSource);
  fail(penalties, 100, seconds(0));
  EXPECT_FALSE(penalties.holds_back("anna", ip("2001:db8::99"), seconds(0)));
  EXPECT_TRUE(penalties.holds_back("anna", ip("2001:db8:0:1::1"), seconds(0)));
  EXPECT_TRUE(penalties.holds_back("anna", kSource, seconds(0)));
}

TEST(UserPenalties, RememberTheLatestSources) {
  UserPenalties penalties;
  for (int i = 1; i <= 9; ++i) penalties.record_success("anna", ip("10.0.0." + std::to_string(i)));
  penalties.record_success("anna", ip("10.0.0.3"));
  fail(penalties, 100, seconds(0));
  EXPECT_TRUE(penalties.holds_back("anna", ip("10.0.0.1"), seconds(0)));
  EXPECT_FALSE(penalties.holds_back("anna", ip("10.0.0.2"), seconds(0)));
  EXPECT_FALSE(penalties.holds_back("anna", ip("10.0.0.9"), seconds(0)));
  penalties.record_success("anna", ip("10.0.0.10"));
  EXPECT_TRUE(penalties.holds_back("anna", ip("10.0.0.2"), seconds(0)));
  EXPECT_FALSE(penalties.holds_back("anna", ip("10.0.0.3"), seconds(0)));
}

TEST(UserPenalties, AreOffWhenZero) {
  UserPenaltySettings settings;
  settings.failures = 0;
  UserPenalties penalties(settings);
  EXPECT_FALSE(fail(penalties, 1000, seconds(0)));
  EXPECT_FALSE(penalties.holds_back("anna", kSource, seconds(0)));
}

TEST(UserPenalties, StayBoundedUnderManyNames) {
  UserPenaltySettings settings;
  settings.max_users = 50;
  UserPenalties penalties(settings);
  fail(penalties, 40, seconds(0));
  for (int i = 0; i < 1000; ++i) {
    fail(penalties, 1, seconds(1), "user" + std::to_string(i));
    penalties.record_success("user" + std::to_string(i), kSource);
  }
  EXPECT_EQ(penalties.tracked(), 50U);
  EXPECT_TRUE(penalties.holds_back("anna", kSource, seconds(1)));  // the worst is kept
}

TEST(UserPenalties, CountApartWhatIsMeantForAUserOfAnInstance) {
  struct Case {
    const char* login;
    const char* with_instances;
  };
  constexpr Case kCases[] = {
      {"alice@c1", "root (unnamed)"},
      {"alice@c1.p1+root", "root (unnamed)"},
      {"bob@c2", "root (unnamed)"},
      {"c1", "root"},
      {"root@c1", "root"},
      {"c1+anna", "anna"},
      {"alice@c1+anna", "anna"},
      {"%shell", "root"},
      {"other:alice@c1", "root (unnamed)"},
      {"+alice@c9", "root"},
  };
  for (const Case& one : kCases) {
    const LoginTarget target = parse_login(one.login).value();
    EXPECT_EQ(guessed_host_user(target, true), one.with_instances) << one.login;
    EXPECT_EQ(guessed_host_user(target, false), target.host_user.str()) << one.login;
    EXPECT_FALSE(HostUser::parse("root (unnamed)").ok());
  }
}

TEST(UserPenalties, KnowNoPlaceWithoutAnAddress) {
  UserPenalties penalties;
  penalties.record_success("anna", std::nullopt);
  EXPECT_FALSE(penalties.holds_back("anna", std::nullopt, seconds(0)));
  fail(penalties, 100, seconds(0));
  EXPECT_TRUE(penalties.holds_back("anna", std::nullopt, seconds(0)));
}

}  // namespace
}  // namespace ssh2incus
