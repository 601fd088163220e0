// What the listener keeps of root's powers once it listens: what its children need, and nothing
// that reaches beyond logins.
#pragma once

#include "common/result.h"

namespace ssh2incus {

// Capabilities, dumps and the system call list of the listener. Inherited by all its children,
// which go further. with_key_command: an authorized-keys-command will be run, which needs more of
// the list (monitor/key_command_syscalls.h); password_authentication: PAM's modules will write
// (monitor/pam_syscalls.h).
Status enter_listener_sandbox(bool with_key_command, bool password_authentication);

}  // namespace ssh2incus
