// The steps of a watch over a silent guest, by a clock that the test sets.
#include "sessiond/guest_pulse.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

using Step = GuestPulse::Step;
using std::chrono::milliseconds;
using std::chrono::seconds;

class GuestPulseTest : public testing::Test {
 protected:
  GuestPulse pulse_;
  const GuestPulse::Clock::time_point start_ = GuestPulse::Clock::now();

  Step after(milliseconds time) { return pulse_.next(start_ + time); }
};

TEST_F(GuestPulseTest, IsNotTakenWithoutALimit) {
  EXPECT_EQ(pulse_.left_ms(start_), -1);
  EXPECT_EQ(after(std::chrono::hours(24)), Step::kNothing);
}

TEST_F(GuestPulseTest, AsksWarnsAndGivesUpOnceEach) {
  pulse_.limit_to(300, start_);
  EXPECT_EQ(pulse_.left_ms(start_), 15'000);
  EXPECT_EQ(after(milliseconds(14'999)), Step::kNothing);
  EXPECT_EQ(after(seconds(15)), Step::kAsk);
  EXPECT_EQ(after(seconds(16)), Step::kNothing);
  EXPECT_EQ(pulse_.left_ms(start_ + seconds(16)), 14'000);
  EXPECT_EQ(after(seconds(30)), Step::kWarn);
  EXPECT_EQ(after(seconds(31)), Step::kNothing);
  EXPECT_EQ(pulse_.left_ms(start_ + seconds(31)), 269'000);
  EXPECT_EQ(after(seconds(300)), Step::kGiveUp);
}

TEST_F(GuestPulseTest, TellsOfRecoveryOnlyWhenItHasWarned) {
  pulse_.limit_to(300, start_);
  EXPECT_EQ(after(seconds(15)), Step::kAsk);
  pulse_.heard(start_ + seconds(16));
  EXPECT_EQ(after(seconds(17)), Step::kNothing);
  EXPECT_EQ(after(seconds(31)), Step::kAsk);
  EXPECT_EQ(after(seconds(46)), Step::kWarn);
  pulse_.heard(start_ + seconds(50));
  EXPECT_EQ(after(seconds(50)), Step::kRecovered);
  EXPECT_EQ(after(seconds(51)), Step::kNothing);
  EXPECT_EQ(pulse_.left_ms(start_ + seconds(51)), 14'000);
}

TEST_F(GuestPulseTest, FitsItsStepsIntoAShortLimit) {
  pulse_.limit_to(6, start_);
  EXPECT_EQ(after(seconds(2)), Step::kAsk);
  EXPECT_EQ(after(seconds(4)), Step::kWarn);
  EXPECT_EQ(after(seconds(6)), Step::kGiveUp);
}

TEST_F(GuestPulseTest, SkipsWhatItIsTooLateFor) {
  pulse_.limit_to(300, start_);
  EXPECT_EQ(after(seconds(40)), Step::kWarn);
  EXPECT_EQ(after(seconds(400)), Step::kGiveUp);
  EXPECT_EQ(pulse_.left_ms(start_ + seconds(400)), 0);
}

}  // namespace
}  // namespace ssh2incus
