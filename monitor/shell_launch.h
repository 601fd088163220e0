// A guest on the host for %shell, from the attendant's side: asks the starter for one, gives it its
// grant, and reads its hello.
#pragma once

#include <array>

#include "common/guest_protocol.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace ssh2incus {

// starter: the channel of monitor/shell_starter.h. The sockets are those of TargetReadyNotice.
Result<std::array<UniqueFd, 4>> launch_shell(int starter, const GuestGrant& grant, int timeout_ms);

}  // namespace ssh2incus
