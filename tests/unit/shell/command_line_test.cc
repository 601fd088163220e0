// How lines of the Incus shell become words.
#include "shell/command_line.h"

#include <gtest/gtest.h>

namespace ssh2incus::shell {
namespace {

using Words = std::vector<std::string>;

TEST(CommandLine, SplitsAtBlanksAndKeepsQuotedWords) {
  const std::vector<std::pair<std::string, Words>> rows = {
      {"", {}},
      {"   \t ", {}},
      {"list", {"list"}},
      {"  exec c1  --\tls -l ", {"exec", "c1", "--", "ls", "-l"}},
      {"'a b' c", {"a b", "c"}},
      {"\"a b\" c", {"a b", "c"}},
      {"a\\ b", {"a b"}},
      {"a'b'\"c\"d", {"abcd"}},
      {"''", {""}},
      {"\"\" x", {"", "x"}},
      {"'\\'", {"\\"}},
      {"\"\\\"\\\\\\n\"", {"\"\\\\n"}},
      {"'\"' \"'\"", {"\"", "'"}},
      {"\\'", {"'"}},
      {"\xc3\xa4 b", {"\xc3\xa4", "b"}},
  };
  for (const auto& [line, words] : rows) {
    const auto split = split_line(line);
    ASSERT_TRUE(split.ok()) << line;
    EXPECT_EQ(*split, words) << line;
  }
}

TEST(CommandLine, WhatAShellWouldEvaluateIsText) {
  const auto words = split_line("$HOME `id` $(id) a;b c|d e>f * ~ !x &");
  ASSERT_TRUE(words.ok());
  EXPECT_EQ(*words, (Words{"$HOME", "`id`", "$(id)", "a;b", "c|d", "e>f", "*", "~", "!x", "&"}));
}

TEST(CommandLine, RefusesWhatHasNoEnd) {
  for (const char* line : {"'", "\"", "a\\", "'a\"", "\"a'", "\"a\\\""}) {
    EXPECT_FALSE(split_line(line).ok()) << line;
  }
  EXPECT_FALSE(split_line(std::string_view("a\0b", 3)).ok());
  std::string many;
  for (std::size_t i = 0; i <= kMaxWords; ++i) many += "a ";
  EXPECT_FALSE(split_line(many).ok());
}

TEST(CommandLine, QuotedWordsAreTakenForOne) {
  for (const std::string word :
       {"a", "", "a b", "'", "\"", "\\", "a'b c\"d\\", "$x", "a\nb", "\xc3\xa4", "-x=1,2:3/4@5%"}) {
    const auto words = split_line(quoted_word(word));
    ASSERT_TRUE(words.ok()) << word;
    EXPECT_EQ(*words, Words{word});
  }
  EXPECT_EQ(quoted_word("c1"), "c1");
}

TEST(CommandLine, AnUnfinishedLineHasALastWord) {
  const auto check = [](const char* line, const Words& words, const char* last) {
    const auto unfinished = split_unfinished(line);
    EXPECT_EQ(unfinished.words, words) << line;
    EXPECT_EQ(unfinished.last, last) << line;
  };
  check("", {}, "");
  check("li", {}, "li");
  check("exec ", {"exec"}, "");
  check("exec 'c 1", {"exec"}, "c 1");
  check("exec \"c", {"exec"}, "c");
  check("a\\", {}, "a");
}

}  // namespace
}  // namespace ssh2incus::shell
