// The command line: the reference's flags with their names, short forms and defaults, and ours.
// A flag whose feature isn't there yet
// is an error that says so, never silently ignored.
#pragma once

#include <string>
#include <variant>

#include "monitor/server_config.h"

namespace ssh2incus {

// The program is done without serving: print text (to stderr if exit_code isn't 0) and exit.
struct ExitNow {
  int exit_code = 0;
  std::string text;
};

std::variant<ServerConfig, ExitNow> parse_flags(int argc, const char* const* argv);

}  // namespace ssh2incus
