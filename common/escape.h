// Text from the network made safe for one line of a log or a terminal: control characters, escapes,
// invalid UTF-8 and bidirectional or invisible format characters become \xNN.
#pragma once

#include <string>
#include <string_view>

namespace ssh2incus {

std::string escaped(std::string_view text);
// escaped() line by line: text of several lines stays so.
std::string escaped_lines(std::string_view text);
// escaped(), with quotes and backslashes escaped too, in quotes if it has a space or is empty.
std::string quoted(std::string_view text);

}  // namespace ssh2incus
