// Unix sockets by path: connecting to one that may be, and the addresses that bind() takes.
#pragma once

#include <string>

#include "common/result.h"
#include "common/unique_fd.h"
#include "guest/network_address.h"

namespace ssh2incus::guest {

// None: the path has no place in an address.
Result<SocketName> unix_socket_name(const std::string& path);

// Whether the file is one of Incus's own sockets, by which name ever it was found.
bool is_incus_socket(const UniqueFd& file);

struct UnixConnection {
  UniqueFd socket;
  bool denied = false;  // and no socket
  int error = 0;        // the same: why not
};
// Non-blocking. What was opened is what is compared and what is connected to, whatever happens to
// the path meanwhile.
UnixConnection connect_unix(const std::string& path, bool incus_sockets_too);

}  // namespace ssh2incus::guest
