// Flags for passwords and other questions that PAM asks.
#pragma once

#include <string>
#include <vector>

#include "monitor/server_config.h"

namespace CLI {
class App;
}

namespace ssh2incus {

struct PasswordFlags {
  bool enabled = false;
};

void add_password_flags(CLI::App& app, ServerConfig& config, PasswordFlags& flags);
// What is wrong with them; empty if nothing is.
std::string why_not_password_flags(const ServerConfig& config);
// The methods that they enable where no chains are named.
std::vector<AuthMethod> methods_of(const PasswordFlags& flags);

}  // namespace ssh2incus
