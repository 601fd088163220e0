// Taking the place of a server that runs, without a moment in which nobody listens: the new one's
// side of monitor/ipc_takeover.h, and the control socket that makes it possible.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/ipc_channel.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "monitor/ipc_takeover.h"

namespace ssh2incus {

struct Predecessor {
  ipc::IpcChannel channel;
  std::vector<UniqueFd> sockets;  // its listening sockets, its control socket among them
};

std::string control_socket_path(const std::string& run_dir);

// The server with that run directory, with its sockets; none if there isn't one.
Result<std::optional<Predecessor>> find_predecessor(const std::string& run_dir);

// Whether the process at the other end of a unix socket is root's.
bool is_roots(int socket);

}  // namespace ssh2incus
