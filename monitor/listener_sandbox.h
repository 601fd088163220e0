// What the listener keeps of root's powers once it listens: what its children need, and nothing
// that reaches beyond logins.
#pragma once

#include "common/result.h"

namespace ssh2incus {

// Capabilities, dumps and the system call list of the listener. Inherited by all its children,
// which go further.
Status enter_listener_sandbox();

}  // namespace ssh2incus
