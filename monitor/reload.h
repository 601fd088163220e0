// Which settings a running server can't change. A pure function of two configurations.
#pragma once

#include <string>
#include <vector>

#include "monitor/server_config.h"

namespace ssh2incus {

// Gives next what current has where that can't change while the server runs, and returns the names
// of the flags for which the two differed.
std::vector<std::string> keep_until_restart(const ServerConfig& current, ServerConfig& next);

}  // namespace ssh2incus
