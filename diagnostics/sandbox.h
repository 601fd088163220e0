// The walls of the diagnostics process, raised before its first peer: sessiond's identity and empty
// root, no capabilities, a short list of system calls.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/result.h"

namespace ssh2incus {

// crash_fd: where the crash notice goes.
Status enter_diagnostics_sandbox(const std::string& empty_root, uid_t uid, gid_t gid, int crash_fd);

}  // namespace ssh2incus
