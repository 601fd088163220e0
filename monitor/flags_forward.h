// The flags of forwarding. Part of flags.cc.
#pragma once

#include <string>
#include <vector>

#include "monitor/server_config.h"

namespace CLI {
class App;
}

namespace ssh2incus {

struct ForwardFlags {
  std::string tcp = "yes";
  std::string gateway_ports = "no";
  std::vector<std::string> denied = {"169.254.0.0/16", "incus-sockets"};
  std::string x11 = "no";
  std::string agent = "yes";
};

void add_forward_flags(CLI::App& app, ForwardFlags& raw);
// "--flag: reason", or nothing. Asks the kernel for the host's addresses if they are denied.
std::string check_forward_flags(ServerConfig& config, const ForwardFlags& raw);

}  // namespace ssh2incus
