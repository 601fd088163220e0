// Text from the network on one line of a log.
#include "common/escape.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

TEST(Escape, LeavesOrdinaryTextAlone) {
  for (const char* text :
       {"", "hello world", "a=\"b\\c\"", "caf\xc3\xa9", "\xe4\xb8\xad", "\xf0\x9f\x98\x80"}) {
    EXPECT_EQ(escaped(text), text);
  }
}

TEST(Escape, ShowsWhatCouldMislead) {
  struct Row {
    std::string text;
    const char* shown;
  };
  const Row rows[] = {
      {"a\nb", "a\\x0ab"},
      {"\x1b[31m", "\\x1b[31m"},
      {std::string("\0", 1), "\\x00"},
      {"\x7f", "\\x7f"},
      {"\xc2\x9b", "\\xc2\\x9b"},                    // C1 control
      {"\xe2\x80\xae", "\\xe2\\x80\\xae"},           // right-to-left override
      {"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},           // isolate
      {"\xe2\x80\x8b", "\\xe2\\x80\\x8b"},           // zero width space
      {"\xef\xbb\xbf", "\\xef\\xbb\\xbf"},           // byte order mark
      {"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},           // line separator
      {"\xf3\xa0\x80\x81", "\\xf3\\xa0\\x80\\x81"},  // tag
      {"\xff", "\\xff"},                             // no UTF-8
      {"\xc3", "\\xc3"},                             // cut
      {"\xc0\xaf", "\\xc0\\xaf"},                    // overlong
      {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},           // overlong
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},           // surrogate
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // beyond Unicode
      {"\xc3(", "\\xc3("},
  };
  for (const Row& row : rows) EXPECT_EQ(escaped(row.text), row.shown);
}

TEST(Escape, QuotesOnlyWhereNeeded) {
  EXPECT_EQ(quoted("abc"), "abc");
  EXPECT_EQ(quoted(""), "\"\"");
  EXPECT_EQ(quoted("a b"), "\"a b\"");
  EXPECT_EQ(quoted("a=b"), "\"a=b\"");
  EXPECT_EQ(quoted("a\"b"), "\"a\\\"b\"");
  EXPECT_EQ(quoted("a\\b"), "a\\\\b");
  EXPECT_EQ(quoted("a\nb"), "a\\x0ab");
}

TEST(Escape, KeepsLinesWhereTheyAreWanted) {
  EXPECT_EQ(escaped_lines("one\n\x1b[2Jtwo\r\n\nend\n"), "one\n\\x1b[2Jtwo\\x0d\n\nend\n");
  EXPECT_EQ(escaped_lines(""), "");
}

}  // namespace
}  // namespace ssh2incus
