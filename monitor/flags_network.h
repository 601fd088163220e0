// The flags for limits of sources and for algorithms. Part of flags.cc.
#pragma once

#include <string>
#include <vector>

#include "monitor/server_config.h"

namespace CLI {
class App;
}

namespace ssh2incus {

struct NetworkFlags {
  std::string source_block = "32:64";
  std::vector<std::string> balancers;
  std::vector<std::string> penalties;
  std::vector<std::string> key_exchange;
  std::vector<std::string> ciphers;
  std::vector<std::string> macs;
  std::vector<std::string> host_key_algorithms;
  std::vector<std::string> public_key_algorithms;
};

void add_network_flags(CLI::App& app, ServerConfig& config, NetworkFlags& raw);
// "--flag: reason", or nothing, and the configuration is complete.
std::string check_network_flags(ServerConfig& config, const NetworkFlags& raw);

}  // namespace ssh2incus
