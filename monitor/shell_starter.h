// The starter of Incus shells (shell/starter.h): a process that main starts before the listener's
// sandbox, for the incus client and what it starts (editors, a Go runtime) can't live with the
// listener's system call list. It is unprivileged for good: a user of its own whose only power is
// Incus's socket. Each packet on its channel has the three standard streams of a guest to start.
#pragma once

#include <sys/types.h>

#include <array>
#include <string>

#include "common/result.h"
#include "common/unique_fd.h"

namespace ssh2incus {

struct ShellIdentity {
  std::string guest;  // path of ssh2incus-guest
  std::string shell;  // of ssh2incus-shell
  std::string home;   // directory of its own
  std::string incus_socket;
  uid_t uid = 0;  // never 0: refused
  gid_t gid = 0;
  gid_t incus_gid = 0;  // the group that may use incusd's socket
};
inline constexpr const char* kShellUser = "ssh2incus-shell";

// From the account database; makes the home. The error says what to install.
Result<ShellIdentity> find_shell_identity(const std::string& libexec_dir,
                                          const std::string& run_dir,
                                          const std::string& incus_socket);

// Forks the starter and returns the end of its channel for those who want guests started. It ends
// with the calling process.
Result<UniqueFd> start_shell_starter(const ShellIdentity& identity);

// Our ends of a guest's stdin, stdout and stderr, once the starter has been told; whether it starts
// shows in what comes. The fourth, its control, is closed at the other end.
Result<std::array<UniqueFd, 4>> ask_for_shell(int starter);

}  // namespace ssh2incus
