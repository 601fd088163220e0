// Starts ssh2incus-sessiond for one connection. Runs in the monitor, before it sheds its own
// privileges.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/result.h"
#include "common/unique_fd.h"

namespace ssh2incus {

struct SessiondIdentity {
  std::string program;     // path of ssh2incus-sessiond
  std::string empty_root;  // its root directory: empty, owned by root
  uid_t uid = 0;           // never 0: refused
  gid_t gid = 0;
};

// From the account database: the user ssh2incus. The listener calls it once.
Result<SessiondIdentity> find_sessiond_identity(const std::string& program,
                                                const std::string& empty_root,
                                                const std::string& user = "ssh2incus");

// fd 3: channel (an IpcChannel's end to the monitor), fd 4: the client's connection, 0-2 /dev/null;
// capabilities SYS_CHROOT, SETUID, SETGID, SETPCAP; empty environment. The caller keeps its copies
// of both fds and closes them. Returns the child's pid.
Result<pid_t> spawn_sessiond(const SessiondIdentity& identity, const UniqueFd& channel,
                             const UniqueFd& connection);

}  // namespace ssh2incus
