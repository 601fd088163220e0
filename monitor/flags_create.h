// Flags of instances that logins create.
#pragma once

#include <string>

#include "monitor/server_config.h"

namespace CLI {
class App;
}

namespace ssh2incus {

void add_create_flags(CLI::App& app, ServerConfig& config);
// "--flag: reason", or empty.
std::string check_create_flags(const ServerConfig& config);

}  // namespace ssh2incus
