// Random early drop and limits per source.
#include "policy/startups.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

TEST(MaxStartups, IsParsed) {
  EXPECT_EQ(*parse_max_startups("10:30:100"), (MaxStartups{10, 30, 100}));
  EXPECT_EQ(*parse_max_startups("5"), (MaxStartups{5, 100, 5}));
  EXPECT_EQ(*parse_max_startups("1:1:1"), (MaxStartups{1, 1, 1}));
  for (const char* text : {"", ":", "10:30", "10:30:", "10:30:100:1", "0", "a", "10:0:100",
                           "10:101:100", "100:30:10", "-1", "10:30:1000001", " 10", "10 ", "+1"}) {
    EXPECT_FALSE(parse_max_startups(text).ok()) << text;
  }
}

TEST(MaxStartups, DropsNoneBelowAndAllAbove) {
  const MaxStartups limits;
  for (const std::uint32_t random : {0U, 1U << 31, 0xffffffffU}) {
    EXPECT_FALSE(drops_startup(limits, 9, random));
    EXPECT_TRUE(drops_startup(limits, 100, random));
    EXPECT_TRUE(drops_startup(limits, 5000, random));
    EXPECT_TRUE(drops_startup({10, 100, 100}, 10, random));
  }
}

TEST(MaxStartups, DropsMoreAndMoreInBetween) {
  const MaxStartups limits;
  // rate 30% at begin, 65% halfway, nearly 100% before full
  const auto threshold = [&](unsigned count) {
    std::uint64_t low = 0;
    std::uint64_t high = 1ULL << 32;
    while (low < high) {
      const std::uint64_t middle = (low + high) / 2;
      if (drops_startup(limits, count, static_cast<std::uint32_t>(middle))) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return static_cast<double>(low) / 4294967296.0;
  };
  EXPECT_NEAR(threshold(10), 0.30, 0.001);
  EXPECT_NEAR(threshold(55), 0.65, 0.001);
  EXPECT_NEAR(threshold(99), 0.9922, 0.001);
}

TEST(SourceStartups, CountsByBlock) {
  SourceStartups startups(2);
  const auto a = *IpAddress::parse("2001:db8::1");
  const auto b = *IpAddress::parse("2001:db8::2");
  const auto other = *IpAddress::parse("192.0.2.1");
  EXPECT_TRUE(startups.try_add(a));
  EXPECT_TRUE(startups.try_add(b));
  EXPECT_FALSE(startups.try_add(a));
  EXPECT_TRUE(startups.try_add(other));
  startups.remove(b);
  EXPECT_TRUE(startups.try_add(a));
  startups.remove(*IpAddress::parse("192.0.2.9"));  // never counted: nothing happens
}

TEST(SourceStartups, HasNoLimitAtZero) {
  SourceStartups startups(0);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(startups.try_add(*IpAddress::parse("192.0.2.1")));
}

TEST(SourceStartups, DoesNotCountWhatHasNoAddress) {
  SourceStartups startups(1);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(startups.try_add(std::nullopt));
  EXPECT_TRUE(startups.try_add(IpAddress::parse("0.0.0.0")));
  startups.remove(std::nullopt);
  EXPECT_FALSE(startups.try_add(IpAddress::parse("0.0.0.0")));
}

}  // namespace
}  // namespace ssh2incus
