// What somebody who waits sees, on a terminal and without one.
#include "sessiond/progress_display.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

using namespace std::chrono_literals;
constexpr auto kNow = ProgressDisplay::Clock::time_point(1000s);

TEST(ProgressDisplay, UpdatesALineInPlaceOnATerminal) {
  ProgressDisplay display;
  EXPECT_EQ(display.show("creating", false, 80, kNow), "creating\r\n");
  EXPECT_EQ(display.show("at 1%", true, 80, kNow), "\rat 1%");
  EXPECT_EQ(display.show("at 2%", true, 80, kNow), "\r\x1b[Kat 2%");
  EXPECT_EQ(display.show("starting", false, 80, kNow), "\r\x1b[Kstarting\r\n");
  EXPECT_EQ(display.end(), "");
}

TEST(ProgressDisplay, LeavesNothingOfAnUnfinishedLine) {
  ProgressDisplay display;
  display.show("at 1%", true, 80, kNow);
  EXPECT_EQ(display.end(), "\r\x1b[K");
  EXPECT_EQ(display.end(), "");
}

TEST(ProgressDisplay, NeverWrapsWhatItWillErase) {
  ProgressDisplay display;
  EXPECT_EQ(display.show("0123456789", true, 5, kNow), "\r0123");
  EXPECT_EQ(display.show("0123456789", true, 1, kNow), "\r\x1b[K");
  EXPECT_EQ(display.show(std::string(2000, 'x'), true, 0xffffffff, kNow).size(), 4U + 499);
}

TEST(ProgressDisplay, WritesPlainLinesNowAndThenElsewhere) {
  ProgressDisplay display;
  EXPECT_EQ(display.show("creating", false, 0, kNow), "creating\r\n");
  EXPECT_EQ(display.show("at 1%", true, 0, kNow + 1s), "at 1%\r\n");
  EXPECT_EQ(display.show("at 49%", true, 0, kNow + 10s), "");
  EXPECT_EQ(display.show("at 50%", true, 0, kNow + 11s), "at 50%\r\n");
  EXPECT_EQ(display.show("at 51%", true, 0, kNow + 12s), "");
  EXPECT_EQ(display.show("starting", false, 0, kNow + 12s), "starting\r\n");
  EXPECT_EQ(display.end(), "");
}

}  // namespace
}  // namespace ssh2incus
