// Listening sockets that somebody else has opened: a service manager (sd_listen_fds(3)), or the
// server that this one takes over from. libsystemd would bring its own dependencies into a process
// of root for two environment variables.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/unique_fd.h"

struct sockaddr;

namespace ssh2incus {

// Those that the service manager has passed by LISTEN_FDS and LISTEN_PID, which leave the
// environment; none if they are for another process. Each is checked to be a listening stream
// socket of TCP or unix, and made non-blocking and close-on-exec.
Result<std::vector<UniqueFd>> activation_sockets();

// Takes the socket out of the list that is bound to that address, if there is one.
std::optional<UniqueFd> take_bound_to(std::vector<UniqueFd>& sockets, const sockaddr& address,
                                      unsigned length);

// As --listen would have it, for the log.
std::string listen_text(const UniqueFd& socket);

}  // namespace ssh2incus
