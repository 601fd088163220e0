// The flags that say which Incus is meant: a socket, a remote of the Incus client's, or a URL. Part
// of flags.cc.
#pragma once

#include <string>

#include "monitor/server_config.h"

namespace CLI {
class App;
}

namespace ssh2incus {

// $INCUS_SOCKET, $INCUS_DIR/unix.socket, or where Incus has it.
std::string default_incus_socket();

void add_remote_flags(CLI::App& app, ServerConfig& config);
// "--flag: reason", or nothing.
std::string check_remote_flags(CLI::App& app, ServerConfig& config);

}  // namespace ssh2incus
