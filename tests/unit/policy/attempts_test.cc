// Counting of failed attempts.
#include "policy/attempts.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

TEST(Attempts, DoNotCountTheFirstNone) {
  AuthAttempts attempts(6);
  EXPECT_FALSE(attempts.record("none", AttemptResult::kFailed).notable);
  EXPECT_EQ(attempts.failures(), 0U);
  attempts.record("none", AttemptResult::kFailed);
  EXPECT_EQ(attempts.failures(), 1U);
}

TEST(Attempts, CountANoneThatComesLater) {
  AuthAttempts attempts(6);
  attempts.record("publickey", AttemptResult::kPostponed);
  attempts.record("none", AttemptResult::kFailed);
  EXPECT_EQ(attempts.failures(), 1U);
}

TEST(Attempts, EndAtTheLimit) {
  AuthAttempts attempts(6);
  attempts.record("none", AttemptResult::kFailed);
  for (unsigned i = 1; i <= 6; ++i) {
    const auto verdict = attempts.record("publickey", AttemptResult::kFailed);
    EXPECT_EQ(verdict.too_many, i == 6) << i;
    EXPECT_EQ(verdict.notable, i >= 3) << i;
  }
  EXPECT_EQ(attempts.requests(), 7U);
}

TEST(Attempts, CountFailuresOnly) {
  AuthAttempts attempts(2);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(attempts.record("publickey", AttemptResult::kPostponed).too_many);
    EXPECT_FALSE(attempts.record("publickey", AttemptResult::kPartial).too_many);
  }
  EXPECT_EQ(attempts.failures(), 0U);
}

TEST(Attempts, LogPasswordsAtOnce) {
  EXPECT_TRUE(AuthAttempts(10).record("password", AttemptResult::kFailed).notable);
  EXPECT_TRUE(AuthAttempts(10).record("keyboard-interactive", AttemptResult::kFailed).notable);
  EXPECT_FALSE(AuthAttempts(10).record("publickey", AttemptResult::kFailed).notable);
}

TEST(Attempts, OfNoneAllowedEndAtTheFirst) {
  EXPECT_TRUE(AuthAttempts(1).record("publickey", AttemptResult::kFailed).too_many);
}

}  // namespace
}  // namespace ssh2incus
