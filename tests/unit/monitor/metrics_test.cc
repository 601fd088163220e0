// What the listener counts of its monitors' notices.
#include "monitor/metrics.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

TEST(Metrics, CountTimesInTheRightBuckets) {
  Metrics metrics;
  for (const std::uint32_t ms : {0U, 5U, 6U, 30'000U, 30'001U, 0xffffffffU}) {
    metrics.take(PhaseNotice{Phase::kHandshake, ms});
  }
  metrics.take(PhaseNotice{Phase::kTarget, 7});
  const auto snapshot = metrics.counters();
  const auto& buckets = snapshot.handshake.buckets;
  ASSERT_EQ(buckets.size(), ipc::kBuckets);
  EXPECT_EQ((*buckets)[0], 2U);
  EXPECT_EQ((*buckets)[1], 1U);
  EXPECT_EQ((*buckets)[ipc::kBuckets - 2], 1U);
  EXPECT_EQ((*buckets)[ipc::kBuckets - 1], 2U);
  EXPECT_EQ(snapshot.handshake.sum_ms, 0U + 5 + 6 + 30'000 + 30'001 + 0xffffffffULL);
  EXPECT_EQ((*snapshot.target.buckets)[1], 1U);
}

TEST(Metrics, CountEveryMethodAndResult) {
  Metrics metrics;
  metrics.take(AttemptNotice{AuthMethod::kPassword, LoginResult::kFailed});
  metrics.take(AttemptNotice{AuthMethod::kPassword, LoginResult::kFailed});
  metrics.penalised(PenaltyReason::kAuthFail);
  metrics.refused(Metrics::Refusal::kSourceStartups);
  metrics.take(TrafficNotice{10, 20});
  metrics.accepted();
  const auto snapshot = metrics.counters();
  EXPECT_EQ(snapshot.logins.size(), 12U);
  for (const auto& login : snapshot.logins) {
    const bool ours = *login.method == "password" && *login.result == "failed";
    EXPECT_EQ(login.value, ours ? 2U : 0U) << *login.method << *login.result;
  }
  for (const auto& penalty : snapshot.penalties)
    EXPECT_EQ(penalty.value, *penalty.label == "authfail" ? 1U : 0U);
  for (const auto& refusal : snapshot.refused)
    EXPECT_EQ(refusal.value, *refusal.label == "per-source-max-startups" ? 1U : 0U);
  EXPECT_EQ(snapshot.bytes_in, 10U);
  EXPECT_EQ(snapshot.bytes_out, 20U);
  EXPECT_EQ(snapshot.closed_streams, 1U);
  EXPECT_EQ(snapshot.accepted, 1U);
}

TEST(Metrics, FitIntoOneMessage) {
  EXPECT_LE(ipc::encode(Metrics().counters()).size(), limits::kMaxIpcMessage);
}

}  // namespace
}  // namespace ssh2incus
