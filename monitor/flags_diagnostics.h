// The flags for metrics and health checks. Part of flags.cc.
#pragma once

#include <string>

#include "monitor/server_config.h"

namespace CLI {
class App;
}

namespace ssh2incus {

struct DiagnosticsFlags {
  bool enabled = false;
  std::string listen;
  std::string health_check;
};

void add_diagnostics_flags(CLI::App& app, DiagnosticsFlags& raw);
// "--flag: reason", or nothing, and the configuration is complete.
std::string check_diagnostics_flags(ServerConfig& config, const DiagnosticsFlags& raw);

}  // namespace ssh2incus
