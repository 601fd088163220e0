// File descriptors that came with a message (SCM_RIGHTS, unix(7)).
#pragma once

#include <sys/socket.h>

#include <vector>

#include "common/unique_fd.h"

namespace ssh2incus {

// Takes ownership of every fd that arrived, whatever else is wrong with the message.
std::vector<UniqueFd> take_fds(msghdr& message);

}  // namespace ssh2incus
