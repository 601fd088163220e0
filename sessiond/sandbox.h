// sessiond's walls, raised in visible steps before it hears a byte of the network. Started as root
// with CAP_SYS_CHROOT, SETUID, SETGID and SETPCAP and nothing else; afterwards it has none.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/result.h"
#include "common/sanitized.h"

namespace ssh2incus {

struct SandboxIdentity {
  std::string empty_root;
  uid_t uid = 0;
  gid_t gid = 0;
};

// "EMPTY-ROOT UID GID", as the monitor's launcher writes them.
Result<SandboxIdentity> parse_identity(int count, const char* const* arguments);

// Whatever a library reads from files or asks the system once: OpenSSL's configuration, seeds of
// its generators, time zone.
Status prepare_libraries();

// From root with four capabilities to a process that can only talk on the fds that it has.
// crash_fd: where the crash notice goes.
Status enter_sandbox(const SandboxIdentity& identity, int crash_fd);

}  // namespace ssh2incus
