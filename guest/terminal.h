// A new pseudo terminal, owned by the user that we are.
#pragma once

#include <string>

#include "common/guest_protocol.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace ssh2incus::guest {

struct Terminal {
  UniqueFd master;
  UniqueFd slave;
  std::string name;  // of the slave
};

// Both close-on-exec.
Result<Terminal> open_terminal();
// With the size and modes that a client asks for.
Result<Terminal> open_terminal(const PtyRequest& request);

// TIOCSWINSZ on a pty master.
void set_window_size(int terminal, const TerminalSize& size);

}  // namespace ssh2incus::guest
