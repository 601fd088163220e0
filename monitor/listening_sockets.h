// The sockets that the server listens on, made from --listen.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "common/unique_fd.h"

struct sockaddr_storage;

namespace ssh2incus {

// See policy/listen_address.h for the forms. ":port" listens on every address, IPv6 and IPv4. What
// is bound to such an address in `open` already is taken from there (moved out) instead of opened.
// All sockets are non-blocking and close-on-exec.
Result<std::vector<UniqueFd>> open_listening_sockets(const std::string& listen,
                                                     std::vector<UniqueFd>& open);

// One end of a connection as text; IPv4-mapped IPv6 addresses are shown as IPv4. The ends of a unix
// socket have no address: they are as sshd has them for such a case, which is no IpAddress.
struct Endpoint {
  std::string address = "UNKNOWN";
  unsigned port = 65535;
};
Endpoint endpoint_of(const sockaddr_storage& address);
// "address:port", IPv6 addresses in brackets: "[::1]:22"; "unknown".
std::string to_text(const Endpoint& endpoint);

}  // namespace ssh2incus
