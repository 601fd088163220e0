// Running the incus client: on the terminal, as the command of a line; and for completion, with its
// output read.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"

namespace ssh2incus::shell {

// arguments: without the program's name. Waits for it; its exit status as a shell tells it (128 and
// the number for a signal). 127: there is none.
int run_incus(const std::vector<std::string>& arguments);

// What it writes to its stdout; an error if it can't be had within the time.
Result<std::string> output_of_incus(const std::vector<std::string>& arguments, int timeout_ms);

}  // namespace ssh2incus::shell
