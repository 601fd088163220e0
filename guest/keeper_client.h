// Attaches a terminal to the user's kept session, and starts the session if there is none. Runs as
// the user, as a program of its own on the connection's terminal ("--keep SHELL").
#pragma once

#include <string>

namespace ssh2incus::guest {

// What to exit with: as the shell ended, 0 after detaching, 1 if there is no session to be had
// (the reason is on the terminal).
int attach_to_kept_session(const std::string& shell);

// Leaves the session running: Ctrl-^ and then d. Splits what was typed into what goes to the
// session and whether it ends with that wish; what might be its beginning is held back.
class DetachKey {
 public:
  // What to send on; appended to `out`. True: the rest of the input doesn't matter any more.
  bool take(std::string_view typed, std::string& out);

 private:
  bool held_ = false;
};

}  // namespace ssh2incus::guest
