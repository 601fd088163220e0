// Tells X clients of a session the cookie of its display, by the instance's own xauth(1), as sshd
// does.
#pragma once

#include <string>

#include "common/guest_protocol.h"

namespace ssh2incus::guest {

// The program; empty: the instance has none.
std::string find_xauth();

// Whether sessiond's words may be put into xauth's commands.
bool is_usable(const X11Request& request);

// Adds the cookie of localhost's display to the user's file. In the session's own process before
// its program, with the program's environment; waits a limited time. Why not, or nothing.
std::string add_cookie(const std::string& xauth, const X11Request& request, unsigned display,
                       char* const* environment);

}  // namespace ssh2incus::guest
