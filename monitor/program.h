// Opening and executing our own helper programs.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/unique_fd.h"

namespace ssh2incus {

// An O_PATH fd of an executable that belongs to root and that nobody else can write.
Result<UniqueFd> open_program(const std::string& path);

// For a forked child: puts fds on 3, 4, ..., /dev/null on 0-2, closes everything else and executes
// the program with an empty environment and default signals. Returns only on failure.
Status execute_program(UniqueFd program, std::vector<std::string> arguments,
                       std::span<const int> fds);

}  // namespace ssh2incus
