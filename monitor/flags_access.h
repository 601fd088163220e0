// Flags of the access policy: which one, limits of time, and questions about it.
#pragma once

#include <string>
#include <vector>

#include "monitor/server_config.h"

namespace CLI {
class App;
}

namespace ssh2incus {

// --explain and what it assumes.
struct ExplainFlags {
  std::string login;  // empty: nothing to explain
  std::string user;   // instead of the login's host user
  std::string source = "127.0.0.1";
  std::string methods;       // empty: publickey, or none with --noauth
  bool by_instance = false;  // the methods were proven to the instance, not to the host
  std::string time;          // empty: now
  std::vector<std::string> keys;
  std::vector<std::string> principals;
  std::vector<std::string> labels;  // NAME=VALUE
};

struct AccessFlags {
  std::string idle_timeout;
  std::string instance_timeout;
  ExplainFlags explain;
};

void add_access_flags(CLI::App& app, ServerConfig& config, AccessFlags& raw);
// "--flag: reason", or empty.
std::string check_access_flags(ServerConfig& config, const AccessFlags& raw);

}  // namespace ssh2incus
