// Which variables a client may set.
#include "common/environment_rule.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace ssh2incus {
namespace {

TEST(EnvironmentRule, RefusesUnsafeNamesWhateverThePattern) {
  const std::vector<std::optional<std::string>> everything = {"*"};
  for (const char* name : {"LD_PRELOAD", "LD_",
                           "PATH",       "IFS",
                           "BASH_ENV",   "ENV",
                           "SHELLOPTS",  "BASH_FUNC_x",
                           "HOME",       "SHELL",
                           "USER",       "LOGNAME",
                           "PYTHONPATH", "SSH_ORIGINAL_COMMAND",
                           "",           "1A",
                           "A-B",        "A=B",
                           "A B",        "\xc3\xa4"}) {
    EXPECT_FALSE(environment_is_accepted(name, everything)) << name;
  }
  for (const char* name : {"LANG", "LC_ALL", "TERM", "_", "A1", "ld_preload", "PATHS"}) {
    EXPECT_TRUE(environment_is_accepted(name, everything)) << name;
  }
}

TEST(EnvironmentRule, AcceptsByPattern) {
  const std::vector<std::optional<std::string>> patterns = {"LANG", "LC_*", "X?"};
  for (const char* name : {"LANG", "LC_", "LC_ALL", "X1"}) {
    EXPECT_TRUE(environment_is_accepted(name, patterns)) << name;
  }
  for (const char* name : {"LANGUAGE", "LC", "X", "X12", "lang"}) {
    EXPECT_FALSE(environment_is_accepted(name, patterns)) << name;
  }
  EXPECT_FALSE(environment_is_accepted("LANG", std::vector<std::optional<std::string>>()));
}

TEST(EnvironmentRule, MatchesPatterns) {
  struct Row {
    const char* text;
    const char* pattern;
    bool matches;
  };
  const Row rows[] = {{"", "", true},           {"", "*", true},      {"", "?", false},
                      {"a", "", false},         {"abc", "a*c", true}, {"abc", "a*b", false},
                      {"aXbXc", "a*X*c", true}, {"abc", "**", true},  {"abc", "???", true},
                      {"abc", "????", false},   {"aab", "*ab", true}, {"abab", "*ab", true},
                      {"a*", "a*", true},       {"abc", "abc*", true}};
  for (const Row& row : rows) {
    EXPECT_EQ(matches_pattern(row.text, row.pattern), row.matches) << row.text << row.pattern;
  }
  // Many stars must not make it slow.
  std::string stars;
  for (int i = 0; i < 200; ++i) stars += "*a";
  EXPECT_FALSE(matches_pattern(std::string(1000, 'a') + "b", stars));
}

}  // namespace
}  // namespace ssh2incus
