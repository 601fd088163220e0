// The SFTP server as the program of a session: a forked child's main function.
#pragma once

#include <optional>
#include <string_view>

#include "common/account_files.h"
#include "common/guest_protocol.h"

namespace ssh2incus::guest::sftp {

// Serves on stdin and stdout until the client is done, complaints on stderr; the exit status.
// Runs as the user, in the home directory.
int run_session(const Account& account, const GuestGrant& grant);

}  // namespace ssh2incus::guest::sftp
