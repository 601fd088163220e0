// Penalties of sources over time.
#include "policy/penalties.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

using std::chrono::seconds;

IpAddress ip(const std::string& text) { return *IpAddress::parse(text); }
const IpAddress kSource = ip("192.0.2.1");

TEST(Penalties, RefuseAtOnceAfterACrash) {
  SourcePenalties penalties;
  const auto outcome = penalties.penalise(kSource, PenaltyReason::kCrash, seconds(100));
  EXPECT_TRUE(outcome.applied && outcome.refused && outcome.newly_refused);
  // 90 needs log2(90/15) half-lives of 120 s to come down to 15.
  EXPECT_EQ(outcome.left, seconds(311));
  EXPECT_EQ(penalties.is_refused(kSource, seconds(100)), PenaltyReason::kCrash);
  EXPECT_EQ(penalties.is_refused(kSource, seconds(410)), PenaltyReason::kCrash);
  EXPECT_FALSE(penalties.is_refused(kSource, seconds(411)));
}

TEST(Penalties, HaveOpenSshsWeights) {
  struct Row {
    PenaltyReason reason;
    int weight;
    const char* name;
  };
  const Row rows[] = {{PenaltyReason::kCrash, 90, "crash"},
                      {PenaltyReason::kAuthFail, 5, "authfail"},
                      {PenaltyReason::kNoAuth, 1, "noauth"},
                      {PenaltyReason::kGraceExceeded, 10, "grace-exceeded"},
                      {PenaltyReason::kInvalidUser, 5, "invaliduser"}};
  for (const Row& row : rows) {
    SourcePenalties penalties;
    int times = 1;
    while (!penalties.penalise(kSource, row.reason, seconds(0)).refused) ++times;
    EXPECT_EQ(times, 15 / row.weight + 1) << row.name;
    EXPECT_EQ(penalty_reason_name(row.reason), row.name);
  }
}

TEST(Penalties, RefuseOnlyBeyondTheMinimum) {
  SourcePenalties penalties;
  for (int i = 1; i <= 4; ++i) {
    const auto outcome = penalties.penalise(kSource, PenaltyReason::kAuthFail, seconds(0));
    EXPECT_EQ(outcome.refused, i == 4) << i;  // 5, 10, 15: not yet; 20: refused
    EXPECT_EQ(outcome.newly_refused, i == 4) << i;
  }
  EXPECT_FALSE(penalties.penalise(kSource, PenaltyReason::kAuthFail, seconds(0)).newly_refused);
  EXPECT_EQ(penalties.is_refused(kSource, seconds(88)), PenaltyReason::kAuthFail);
  EXPECT_FALSE(penalties.is_refused(kSource, seconds(89)));
}

TEST(Penalties, HalveInEveryHalfLife) {
  PenaltySettings settings;
  settings.half_life = seconds(10);
  SourcePenalties penalties(settings);
  penalties.penalise(kSource, PenaltyReason::kGraceExceeded, seconds(0));  // 10
  // 5 are left after 10 s: 15 with 10 more, which is not beyond the minimum; 16 is.
  EXPECT_FALSE(penalties.penalise(kSource, PenaltyReason::kGraceExceeded, seconds(10)).refused);
  EXPECT_TRUE(penalties.penalise(kSource, PenaltyReason::kNoAuth, seconds(10)).refused);
  EXPECT_FALSE(penalties.is_refused(kSource, seconds(11)));
}

TEST(Penalties, AreForgottenBySourcesThatFailSeldom) {
  SourcePenalties penalties;
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(penalties.penalise(kSource, PenaltyReason::kAuthFail, seconds(i * 90)).refused);
  }
}

TEST(Penalties, AddUpToTheMaximum) {
  SourcePenalties penalties;
  for (int i = 0; i < 20; ++i) penalties.penalise(kSource, PenaltyReason::kCrash, seconds(0));
  EXPECT_TRUE(penalties.is_refused(kSource, seconds(638)));
  EXPECT_FALSE(penalties.is_refused(kSource, seconds(639)));
}

TEST(Penalties, HitTheWholeBlock) {
  SourcePenalties penalties;
  penalties.penalise(ip("2001:db8:1:2::9"), PenaltyReason::kCrash, seconds(0));
  EXPECT_TRUE(penalties.is_refused(ip("2001:db8:1:2:ffff::1"), seconds(1)));
  EXPECT_FALSE(penalties.is_refused(ip("2001:db8:1:3::9"), seconds(1)));
  penalties.penalise(kSource, PenaltyReason::kCrash, seconds(0));
  EXPECT_TRUE(penalties.is_refused(ip("::ffff:192.0.2.1"), seconds(1)));
  EXPECT_FALSE(penalties.is_refused(ip("192.0.2.2"), seconds(1)));
}

TEST(Penalties, SpareExemptSources) {
  PenaltySettings settings;
  settings.exempt = "192.0.2.0/24,!192.0.2.1";
  SourcePenalties penalties(settings);
  EXPECT_FALSE(penalties.penalise(ip("192.0.2.2"), PenaltyReason::kCrash, seconds(0)).applied);
  EXPECT_FALSE(penalties.is_refused(ip("192.0.2.2"), seconds(0)));
  EXPECT_TRUE(penalties.penalise(kSource, PenaltyReason::kCrash, seconds(0)).refused);
}

TEST(Penalties, AreOffWhenZero) {
  PenaltySettings settings;
  settings.auth_fail = seconds(0);
  SourcePenalties penalties(settings);
  EXPECT_FALSE(penalties.penalise(kSource, PenaltyReason::kAuthFail, seconds(0)).applied);
  EXPECT_EQ(penalties.tracked(), 0U);
}

TEST(Penalties, DropTheLeastWhenFull) {
  PenaltySettings settings;
  settings.max_sources = 2;
  SourcePenalties penalties(settings);
  penalties.penalise(ip("10.0.0.1"), PenaltyReason::kCrash, seconds(0));
  penalties.penalise(ip("10.0.0.2"), PenaltyReason::kCrash, seconds(1));
  penalties.penalise(ip("::1"), PenaltyReason::kCrash, seconds(0));  // counts by itself
  penalties.penalise(ip("10.0.0.3"), PenaltyReason::kCrash, seconds(2));
  EXPECT_EQ(penalties.tracked(), 3U);
  EXPECT_FALSE(penalties.is_refused(ip("10.0.0.1"), seconds(3)));
  EXPECT_TRUE(penalties.is_refused(ip("10.0.0.2"), seconds(3)));
  EXPECT_TRUE(penalties.is_refused(ip("10.0.0.3"), seconds(3)));
  EXPECT_TRUE(penalties.is_refused(ip("::1"), seconds(3)));
}

TEST(Penalties, StayBoundedUnderManySources) {
  PenaltySettings settings;
  settings.max_sources = 100;
  SourcePenalties penalties(settings);
  for (int i = 0; i < 5000; ++i) {
    const std::string text = "10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256);
    penalties.penalise(ip(text), PenaltyReason::kCrash, std::chrono::milliseconds(i));
  }
  EXPECT_EQ(penalties.tracked(), 100U);
}

TEST(Penalties, SpareWhatHasNoAddress) {
  SourcePenalties penalties;
  EXPECT_FALSE(penalties.penalise(std::nullopt, PenaltyReason::kCrash, seconds(0)).applied);
  EXPECT_FALSE(penalties.is_refused(std::nullopt, seconds(0)));
  EXPECT_EQ(penalties.tracked(), 0U);
}

}  // namespace
}  // namespace ssh2incus
