// The flags for logins that host users don't vouch for: by keys inside instances, and by nobody.
// Part of flags.cc.
#pragma once

#include <string>

#include "monitor/server_config.h"

namespace CLI {
class App;
}

namespace ssh2incus {

void add_instance_flags(CLI::App& app, ServerConfig& config);
// "--flag: reason", or nothing. To be called once the chains of methods are set.
std::string check_instance_flags(ServerConfig& config);

}  // namespace ssh2incus
