// Decoding of RFC 4254 §8.
#include "guest/terminal_modes.h"

#include <gtest/gtest.h>

#include <vector>

namespace ssh2incus::guest {
namespace {

using Modes = std::vector<std::uint8_t>;

TEST(TerminalModes, SetAndClearFlags) {
  termios settings{};
  settings.c_lflag = ECHO;
  EXPECT_TRUE(apply_terminal_modes(Modes{53, 0, 0, 0, 0, 50, 0, 0, 0, 1, 0}, settings));
  EXPECT_EQ(settings.c_lflag, static_cast<tcflag_t>(ISIG));
}

TEST(TerminalModes, SetCharactersAndDisableThem) {
  termios settings{};
  EXPECT_TRUE(apply_terminal_modes(Modes{1, 0, 0, 0, 3, 2, 0, 0, 0, 255, 0}, settings));
  EXPECT_EQ(settings.c_cc[VINTR], 3);
  EXPECT_EQ(settings.c_cc[VQUIT], 0);
}

TEST(TerminalModes, SetSizeOfCharactersAndSpeed) {
  termios settings{};
  settings.c_cflag = CS5;
  EXPECT_TRUE(apply_terminal_modes(Modes{91, 0, 0, 0, 1, 129, 0, 0, 0x96, 0}, settings));
  EXPECT_EQ(settings.c_cflag & CSIZE, static_cast<tcflag_t>(CS8));
  EXPECT_EQ(cfgetospeed(&settings), static_cast<speed_t>(B38400));
}

TEST(TerminalModes, SkipUnknownOnesAndStopAtUndefinedOnes) {
  termios settings{};
  EXPECT_TRUE(apply_terminal_modes(Modes{99, 0, 0, 0, 1, 53, 0, 0, 0, 1, 200, 50}, settings));
  EXPECT_EQ(settings.c_lflag, static_cast<tcflag_t>(ECHO));
}

TEST(TerminalModes, RefuseACutEncoding) {
  termios settings{};
  EXPECT_FALSE(apply_terminal_modes(Modes{53, 0, 0, 0}, settings));
  EXPECT_TRUE(apply_terminal_modes({}, settings));
}

}  // namespace
}  // namespace ssh2incus::guest
