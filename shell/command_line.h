// A line of the Incus shell as words: blanks separate, quotes and backslashes keep them together,
// and that is all. There are no variables, globs, pipes or substitutions: no shell sees the line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace ssh2incus::shell {

inline constexpr std::size_t kMaxWords = 1024;

// 'x' takes x as it is; in "x", a backslash takes the next '"' or backslash as it is; outside of
// quotes it takes any character. An error: a quote or a backslash has no end, a NUL byte, too many.
Result<std::vector<std::string>> split_line(std::string_view line);

// The words before the one that ends the line, and what there is of that one. For completion: an
// open quote is closed.
struct UnfinishedLine {
  std::vector<std::string> words;
  std::string last;
};
UnfinishedLine split_unfinished(std::string_view line);

// The word, so that split_line() takes it for one.
std::string quoted_word(std::string_view word);

}  // namespace ssh2incus::shell
