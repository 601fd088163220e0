// Starts the program of a session as OpenSSH would: login shell, SHELL -c COMMAND or SFTP, on a new
// pseudo terminal or on three pipes, as leader of a session and process group of its own, with
// default signals and no other descriptor. Runs as the user already.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "common/account_files.h"
#include "common/guest_protocol.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace ssh2incus::guest {

// Our ends, all non-blocking and close-on-exec. With a pty only `input` (the master, for both
// directions) is there.
struct SessionProcess {
  pid_t pid = -1;  // and process group
  std::string tty;
  UniqueFd input;
  UniqueFd output;
  UniqueFd errors;
};

// The subsystem "sftp" was asked for, and no forced command takes its place.
bool runs_internal_sftp(const GuestGrant& grant, const OpenSession& request);

// The command was checked to have no NUL byte in it by the caller's grant and request alike; an
// error's text is for the user. root_helper: the socket to it, where the grant's shell mode needs
// it (root_helper.h). forwarded: the client's that the program may use.
struct ForwardedToSession {
  std::string agent_socket = {};         // empty: none
  std::optional<unsigned> display = {};  // its number; the cookie is in the request
  std::string xauth = {};                // with a display
  std::string complaint = {};            // to stderr, before the program
};
Result<SessionProcess> start_session_process(const Account& account, const GuestGrant& grant,
                                             const OpenSession& request, int root_helper,
                                             const ForwardedToSession& forwarded);

}  // namespace ssh2incus::guest
