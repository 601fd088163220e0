// Which refusals are told, and when.
#include "policy/refusal_tally.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

using std::chrono::seconds;

const IpAddress kSource = *IpAddress::parse("192.0.2.1");
const IpAddress kOther = *IpAddress::parse("192.0.2.2");

TEST(RefusalTally, TellsTheFirstAtOnceAndTheOthersAsANumber) {
  RefusalTally tally;
  EXPECT_FALSE(tally.next_due());
  EXPECT_TRUE(tally.add(kSource, kSource, "penalty", seconds(10)));
  for (int i = 0; i < 500; ++i) {
    EXPECT_FALSE(tally.add(kSource, kSource, i < 499 ? "penalty" : "too many", seconds(20)));
  }
  EXPECT_EQ(tally.next_due(), seconds(70));
  EXPECT_TRUE(tally.due(seconds(69)).empty());
  const auto lines = tally.due(seconds(70));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].source, "192.0.2.1");
  EXPECT_EQ(lines[0].reason, "too many");
  EXPECT_EQ(lines[0].times, 500U);
}

TEST(RefusalTally, GoesOnCountingWhileThereIsAnythingToCount) {
  RefusalTally tally;
  tally.add(kSource, kSource, "penalty", seconds(0));
  tally.add(kSource, kSource, "penalty", seconds(1));
  EXPECT_EQ(tally.due(seconds(60)).size(), 1U);
  EXPECT_FALSE(tally.add(kSource, kSource, "penalty", seconds(61)));
  EXPECT_EQ(tally.next_due(), seconds(120));
  EXPECT_EQ(tally.due(seconds(120)).at(0).times, 1U);
  EXPECT_TRUE(tally.due(seconds(180)).empty());
  EXPECT_FALSE(tally.next_due()) << "a quiet interval: forgotten";
  EXPECT_TRUE(tally.add(kSource, kSource, "penalty", seconds(181)));
}

TEST(RefusalTally, TellsSourcesApart) {
  RefusalTally tally;
  EXPECT_TRUE(tally.add(kSource, kSource, "penalty", seconds(0)));
  EXPECT_TRUE(tally.add(kOther, kOther, "penalty", seconds(5)));
  tally.add(kOther, kOther, "penalty", seconds(6));
  EXPECT_TRUE(tally.due(seconds(60)).empty());
  EXPECT_EQ(tally.due(seconds(65)).at(0).source, "192.0.2.2");
}

TEST(RefusalTally, CountsABlockAsOne) {
  RefusalTally tally;
  const auto address = [](const char* text) { return *IpAddress::parse(text); };
  const IpAddress block = address("2001:db8::1").masked(64);
  EXPECT_TRUE(tally.add(block, address("2001:db8::1"), "penalty", seconds(0)));
  EXPECT_FALSE(tally.add(block, address("2001:db8::2"), "penalty", seconds(0)));
  EXPECT_EQ(tally.due(seconds(60)).at(0).source, "2001:db8::2") << "the latest";
}

TEST(RefusalTally, IsBounded) {
  RefusalTally tally(seconds(60), 2);
  EXPECT_TRUE(tally.add(kSource, kSource, "penalty", seconds(0)));
  EXPECT_TRUE(tally.add(kOther, kOther, "penalty", seconds(0)));
  for (int i = 3; i < 100; ++i) {
    const IpAddress more = *IpAddress::parse("192.0.2." + std::to_string(i));
    EXPECT_FALSE(tally.add(more, more, "penalty", seconds(0)));
  }
  const auto lines = tally.due(seconds(60));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].source, "others");
  EXPECT_EQ(lines[0].times, 97U);
}

TEST(RefusalTally, LosesNothingAtTheEnd) {
  RefusalTally tally(seconds(60), 1);
  for (const IpAddress& source : {kSource, kSource, kOther, kOther}) {
    tally.add(source, source, "penalty", seconds(0));
  }
  const auto lines = tally.rest();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].times, 1U);
  EXPECT_EQ(lines[1].times, 2U);
  EXPECT_TRUE(tally.rest().empty());
}

}  // namespace
}  // namespace ssh2incus
