// A listening unix socket. Its path and group are the administrator's; who may write to it may
// connect.
#pragma once

#include <vector>

#include "common/result.h"
#include "common/unique_fd.h"
#include "policy/listen_address.h"

namespace ssh2incus {

// In a directory that only root can change. A socket of root's that nobody listens on any more is
// replaced; anything else in its place is an error. One that is bound there in `open` is taken.
Result<UniqueFd> open_unix_socket(const UnixListenAddress& address, std::vector<UniqueFd>& open,
                                  int type = 1 /* SOCK_STREAM */);

// Connects to a socket at that path, without waiting. An error with errno in place: nobody listens.
Result<UniqueFd> connect_unix_socket(const std::string& path, int type);

}  // namespace ssh2incus
