// Which ends of the guest mean that it can't run there.
#include "gateway/launch_verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace ssh2incus {
namespace {

using testing::HasSubstr;

LaunchTrial ended_with(std::optional<int> status) { return {"/run/x", true, status, ""}; }
LaunchTrial not_stored() { return {"/run/x", false, {}, "read-only file system"}; }

std::optional<std::string> judge(std::vector<LaunchTrial> trials) {
  return why_guest_cannot_run(trials);
}

TEST(LaunchVerdict, FallsBackForLastingReasonsOnly) {
  // Not executable, no such format (as a shell sees it), ILL, BUS, SEGV, SYS.
  const std::vector<int> lasting = {2, 126, 127, 128 + 4, 128 + 7, 128 + 11, 128 + 31};
  for (int status = 0; status <= 255; ++status) {
    const bool expected = std::ranges::find(lasting, status) != lasting.end();
    EXPECT_EQ(judge({ended_with(status)}).has_value(), expected) << status;
  }
}

TEST(LaunchVerdict, AnUnknownStatusIsNoReason) {
  EXPECT_FALSE(judge({ended_with(std::nullopt)}));
  EXPECT_FALSE(judge({not_stored(), ended_with(std::nullopt)}));
}

TEST(LaunchVerdict, EveryTryMustHaveFailedForALastingReason) {
  EXPECT_FALSE(judge({ended_with(126), ended_with(1)}));
  EXPECT_FALSE(judge({ended_with(137), not_stored()}));
  EXPECT_FALSE(judge({}));
  EXPECT_TRUE(judge({ended_with(126), not_stored()}));
}

TEST(LaunchVerdict, SaysWhyForEachTry) {
  const auto reason = judge({{"/run/ssh2incus", true, 126, ""},
                             {"/var/lib/ssh2incus", false, {}, "read-only file system"}});
  ASSERT_TRUE(reason);
  EXPECT_THAT(*reason, HasSubstr("can't be executed in /run/ssh2incus"));
  EXPECT_THAT(*reason, HasSubstr("can't be stored in /var/lib/ssh2incus: read-only file system"));
  EXPECT_THAT(*judge({ended_with(159)}), HasSubstr("SIGSYS"));
}

}  // namespace
}  // namespace ssh2incus
