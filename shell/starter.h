// ssh2incus-shell --serve GUEST SHELL: waits for connections that want an Incus shell, and starts a
// guest for each, as the user that it is itself.
#pragma once

#include <string>

namespace ssh2incus::shell {

inline constexpr int kStarterFd = 3;

// Each packet on kStarterFd has the three standard streams of a guest. Until the channel ends;
// returns the exit status. own_path: of this program, the guest's shell.
int serve_starts(const std::string& guest, const std::string& own_path);

}  // namespace ssh2incus::shell
