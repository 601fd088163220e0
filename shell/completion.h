// What could come next in a line of the Incus shell. The incus client knows its own commands and
// flags; names of instances are added where it leaves them out.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace ssh2incus::shell {

// Runs the incus client and returns its output.
using AskIncus = std::function<Result<std::string>(const std::vector<std::string>& arguments)>;

// Whole words that may stand in the place of the line's last one.
std::vector<std::string> completions(std::string_view line, const AskIncus& ask);

// The longest beginning that all of them have.
std::string common_beginning(const std::vector<std::string>& words);

// The words of `incus __complete`: a line each, up to a tab; the line of the directive (":4") and
// what isn't a word are left out.
std::vector<std::string> parse_completions(std::string_view output);

}  // namespace ssh2incus::shell
