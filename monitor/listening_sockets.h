// The sockets that the server listens on, made from --listen.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "common/unique_fd.h"

struct sockaddr_storage;

namespace ssh2incus {

// ":port", "host:port" or "[v6 address]:port". ":port" listens on every address, IPv6 and IPv4.
// All sockets are non-blocking and close-on-exec.
Result<std::vector<UniqueFd>> open_listening_sockets(const std::string& listen);
// Whether that is the form of an address; names aren't looked up.
Status check_listen_address(const std::string& listen);

// One end of a TCP connection as text; IPv4-mapped IPv6 addresses are shown as IPv4.
struct Endpoint {
  std::string address;
  unsigned port = 0;
};
Endpoint endpoint_of(const sockaddr_storage& address);
// "address:port", IPv6 addresses in brackets: "[::1]:22".
std::string to_text(const Endpoint& endpoint);

}  // namespace ssh2incus
