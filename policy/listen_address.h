// What --listen names: an address of TCP or a unix socket. Fed by the administrator.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "common/result.h"

namespace ssh2incus {

struct TcpListenAddress {
  std::string host;  // name or address without brackets; empty: every address of the host
  std::string port;  // decimal
};

struct UnixListenAddress {
  std::string path;      // absolute
  unsigned mode = 0600;  // of the socket: who may write may connect
  std::string group;     // of the socket; empty: root's
};

using ListenAddress = std::variant<TcpListenAddress, UnixListenAddress>;

// ":port", "host:port", "[v6 address]:port", or "unix:/path" with ",mode=0660" and ",group=NAME"
// after it.
Result<ListenAddress> parse_listen_address(std::string_view text);

// Whether nobody from outside of this host gets there: a literal address of loopback, or a unix
// socket.
bool is_on_this_host_only(const ListenAddress& address);

}  // namespace ssh2incus
