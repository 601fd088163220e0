// How the text of --authorized-keys-command becomes a program's arguments.
#include "policy/key_command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const KeyCommandTokens kTokens = {"anna", "/home/a b", "1000", "ssh-ed25519", "AAAA", "SHA256:x"};

std::vector<std::string> words(std::string_view text) {
  const auto line = KeyCommandLine::parse(text);
  return line.ok() ? line->expanded(kTokens) : std::vector{"error: " + line.error().message};
}
std::string error(std::string_view text) {
  const auto line = KeyCommandLine::parse(text);
  return line.ok() ? "" : line.error().message;
}

TEST(KeyCommandLine, GivesTheUserWhereNoArgumentsAreGiven) {
  EXPECT_THAT(words("/usr/bin/keys"), ElementsAre("/usr/bin/keys", "anna"));
  EXPECT_THAT(words(" \t/usr/bin/keys  "), ElementsAre("/usr/bin/keys", "anna"));
  EXPECT_THAT(words("/usr/bin/keys --all"), ElementsAre("/usr/bin/keys", "--all"));
}

TEST(KeyCommandLine, ExpandsEachToken) {
  EXPECT_THAT(words("/k %u %h %U %t %k %f %% a%u%Ub"),
              ElementsAre("/k", "anna", "/home/a b", "1000", "ssh-ed25519", "AAAA", "SHA256:x", "%",
                          "aanna1000b"));
}

TEST(KeyCommandLine, NeverExpandsTwiceNorTheProgram) {
  KeyCommandTokens tokens = kTokens;
  tokens.home = "%u \"x\" %";
  EXPECT_THAT(KeyCommandLine::parse("/k%u %h")->expanded(tokens),
              ElementsAre("/k%u", "%u \"x\" %"));
}

TEST(KeyCommandLine, SplitsAsOpenSshDoes) {
  EXPECT_THAT(words("/k 'a b' \"c  d\" e\\ f"), ElementsAre("/k", "a b", "c  d", "e f"));
  EXPECT_THAT(words("/k a'b c'd \"\" ''"), ElementsAre("/k", "ab cd", "", ""));
  EXPECT_THAT(words("/k \"it's\" '\"' \\' \\\" \\\\"),
              ElementsAre("/k", "it's", "\"", "'", "\"", "\\"));
  EXPECT_THAT(words("/k \\n \"\\ x\" \"\\\"\" a\\"), ElementsAre("/k", "\\n", "\\ x", "\"", "a\\"));
  EXPECT_THAT(words("'/path with/blanks' x"), ElementsAre("/path with/blanks", "x"));
}

TEST(KeyCommandLine, SaysWhatIsWrong) {
  EXPECT_THAT(error(""), HasSubstr("names no program"));
  EXPECT_THAT(error(" \t"), HasSubstr("names no program"));
  EXPECT_THAT(error("keys %u"), HasSubstr("'keys' is not an absolute path"));
  EXPECT_THAT(error("\"\" x"), HasSubstr("not an absolute path"));
  EXPECT_THAT(error("/k %x"), HasSubstr("no token %x"));
  EXPECT_THAT(error("/k a%"), HasSubstr("'%' at the end"));
  EXPECT_THAT(error("/k %%%"), HasSubstr("'%' at the end"));
  EXPECT_THAT(error("/k 'a"), HasSubstr("quote"));
  EXPECT_THAT(error("/k \"a\\\""), HasSubstr("quote"));
  EXPECT_THAT(error("/k\nx"), HasSubstr("line feed"));
  EXPECT_THAT(error("/" + std::string(5000, 'k')), HasSubstr("too long"));
}

}  // namespace
}  // namespace ssh2incus
