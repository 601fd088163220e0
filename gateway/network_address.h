// The https remote that a gateway was started for, its name looked up: the one step that asks DNS.
// Done as the unprivileged user, before the system call filter, which has no place for a resolver.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.h"

namespace ssh2incus {

struct NetworkAddress {
  sockaddr_storage address{};
  socklen_t size = 0;
  std::string text;  // numeric, without brackets
};

struct NetworkServer {
  std::string host;
  std::uint16_t port = 0;
  std::vector<NetworkAddress> addresses;  // in the order in which to try them
  std::string failure;                    // why there is none
};

// host: a name, or an address without brackets. Takes some seconds at most.
NetworkServer look_up_server(const std::string& host, std::uint16_t port);

}  // namespace ssh2incus
