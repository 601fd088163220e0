// How long a refusal takes: longer than the lookups behind it differ by, so that its length tells
// nothing about whether the user exists. Fed with the login name, which the client has chosen, and
// what the work has taken.
#pragma once

#include <chrono>
#include <string_view>

namespace ssh2incus {

// At least least, a little more depending on the name alone; where the work has taken longer than
// that, the next power of two of it, which hides by how much.
std::chrono::nanoseconds failure_time(std::string_view login, std::chrono::milliseconds least,
                                      std::chrono::nanoseconds spent);

}  // namespace ssh2incus
