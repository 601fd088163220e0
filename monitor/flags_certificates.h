// Flags about certificates and revoked keys. Fed by the administrator.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "monitor/server_config.h"

namespace ssh2incus {

void add_certificate_flags(CLI::App& app, ServerConfig& config);
// Checks the values and brings the pattern into the form that key_sources.h wants; what is wrong,
// or nothing.
std::string check_certificate_flags(ServerConfig& config);

}  // namespace ssh2incus
