// Listening sockets inside the instance: for the client's -R on TCP ports and unix sockets, for its
// agent, for its display. Fed by sessiond with wishes that the grant allows.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/guest_protocol.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "guest/network_address.h"

namespace ssh2incus::guest {

class Listener {
 public:
  using Outcome = std::variant<Listener, OpenFailed>;

  // Asks the grant, and binds where its gateway_ports says.
  static Outcome open(const ForwardGrant& grant, const OpenListener& wish);
  // A new unix socket that only its owner can use. An error's text is for the user.
  static Result<Listener> on_path(const std::string& path);
  // On loopback, where there is one; every address has the same port, 0 being any.
  static Result<Listener> on_loopback(std::uint16_t port);

  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&&) = delete;
  // Removes the path, if it still leads to this socket.
  ~Listener();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::vector<UniqueFd>& sockets() const { return sockets_; }

  struct Peer {
    UniqueFd socket;
    std::string address;  // empty: of a unix socket
    std::uint16_t port = 0;
  };
  // None: nobody is there (any more), or errno says what is lacking.
  [[nodiscard]] std::optional<Peer> accept() const;

 private:
  Listener() = default;
  static Result<Listener> on_addresses(const std::vector<NetworkAddress>& addresses,
                                       std::uint16_t port);

  std::vector<UniqueFd> sockets_;
  std::uint16_t port_ = 0;
  std::string path_;
  dev_t device_ = 0;  // of the path
  ino_t inode_ = 0;
};

// What sshd_config(5)'s GatewayPorts makes of the address that the client wants; none: it's no
// address.
std::vector<NetworkAddress> addresses_to_listen_on(GatewayPorts rule, std::string_view wanted);

}  // namespace ssh2incus::guest
