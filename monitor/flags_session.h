// The flags for what a session looks like: greetings, how shells are started, what keeps them.
// Part of flags.cc.
#pragma once

#include <string>

#include "monitor/server_config.h"

namespace CLI {
class App;
}

namespace ssh2incus {

struct SessionFlags {
  std::string shell;
  std::string keeper = "tmux";
  std::string incus_shell = "yes";
};

void add_session_flags(CLI::App& app, ServerConfig& config, SessionFlags& raw);
// "--flag: reason", or nothing.
std::string check_session_flags(ServerConfig& config, const SessionFlags& raw);

}  // namespace ssh2incus
