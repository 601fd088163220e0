// The program that keeps a session, as the grant wants it: tmux or screen of the instance, else (if
// the grant allows it) installed now, else the tmux that was brought along, else the guest's own
// keeper. Runs as the user, in the session's leader, with the terminal as its standard streams.
#pragma once

#include <string>
#include <vector>

#include "common/guest_protocol.h"

namespace ssh2incus::guest {

struct KeptProgram {
  std::string path;
  std::vector<std::string> arguments;    // argv
  std::vector<std::string> environment;  // beside what the session has
};

struct KeptSessionNeeds {
  SessionKeeper keeper = SessionKeeper::kBuiltin;
  bool may_install = false;
  int root_helper = -1;
  std::string shell;
  std::string home;
  std::string terminal_name;  // TERM
};

// What it does instead of what was wanted is said on the terminal.
KeptProgram prepare_kept_session(const KeptSessionNeeds& needs);

}  // namespace ssh2incus::guest
