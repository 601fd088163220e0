// How long refusals take, for all names and costs.
#include "policy/failure_time.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace ssh2incus {
namespace {

using namespace std::chrono_literals;

TEST(FailureTime, DependsOnTheNameAndNotOnTheWork) {
  for (const std::string login : {"", "c1", "c1+anna", "alice@c1.web+anna"}) {
    const auto quick = failure_time(login, 100ms, 0ns);
    EXPECT_GE(quick, 100ms);
    EXPECT_LT(quick, 113ms);
    for (const auto spent : {1ns, 1'000'000ns, 99'000'000ns}) {
      EXPECT_EQ(failure_time(login, 100ms, spent), quick);
    }
  }
}

TEST(FailureTime, DiffersBetweenNames) {
  std::set<std::chrono::nanoseconds> times;
  for (int i = 0; i < 100; ++i) times.insert(failure_time("c1+user" + std::to_string(i), 8ms, 0ns));
  EXPECT_EQ(times.size(), 5U);
}

TEST(FailureTime, IsDoubledUntilTheWorkFits) {
  const auto once = failure_time("c1", 8ms, 0ns);
  EXPECT_EQ(failure_time("c1", 8ms, once), once);
  EXPECT_EQ(failure_time("c1", 8ms, once + 1ns), 2 * once);
  EXPECT_EQ(failure_time("c1", 8ms, 2 * once + 1ns), 4 * once);
  EXPECT_GE(failure_time("c1", 8ms, 3600s), 3600s);
}

}  // namespace
}  // namespace ssh2incus
