// The root helper's second operation: installs the program that keeps sessions, with the instance's
// package manager, whose progress goes to the user's terminal. Ctrl-C ends it, and a time limit; a
// connection that is lost doesn't, for half an installation is worse than one.
#pragma once

#include "common/guest_protocol.h"
#include "guest/root_request.h"

namespace ssh2incus::guest {

// 0: it's installed. What else there is to say is on the terminal.
RootAnswer install_keeper(const GuestGrant& grant, RootRequest& request);

// The package and the program have the same name; empty if that keeper needs none.
std::string keeper_program(SessionKeeper keeper);

}  // namespace ssh2incus::guest
