// Which peers are load balancers, whose PROXY header says who the client is. Everybody else's isn't
// believed. Fed by the administrator.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "common/result.h"
#include "policy/ip_address.h"

namespace ssh2incus {

class Balancers {
 public:
  Balancers() = default;  // nobody
  // Entries of an address list (policy/ip_address.h), and "unix": whoever connects by a unix
  // socket.
  static Result<Balancers> parse(std::span<const std::string> entries);
  // No address: a unix socket's client.
  [[nodiscard]] bool include(const std::optional<IpAddress>& peer) const;

 private:
  std::string networks_;  // address list
  bool unix_sockets_ = false;
};

}  // namespace ssh2incus
