// What the server's flags say about forwarding, and the grant that they make with what the login's
// keys and access rule allow. Pure; fed by the administrator and by users' authorized_keys.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/guest_protocol.h"
#include "common/result.h"
#include "policy/access_policy.h"
#include "policy/authorized_keys.h"
#include "policy/ip_address.h"

namespace ssh2incus {

struct ForwardDenial {
  std::vector<DeniedNetwork> networks;
  std::vector<std::uint16_t> host_ports;  // of the host's own addresses; 0: every port
  bool incus_sockets = false;
};

struct ForwardSettings {
  bool local = true;
  bool remote = true;
  bool agent = true;
  bool x11 = false;
  GatewayPorts gateway_ports = GatewayPorts::kNo;
  ForwardDenial denied;
};

// Entries are "CIDR", "CIDR:PORT" (IPv6 then in brackets), "host", "host:PORT", "incus-sockets", or
// "none" alone.
Result<ForwardDenial> parse_forward_denial(std::span<const std::string> entries);
// The host's own addresses as networks; those of loopback mean the instance there.
std::vector<DeniedNetwork> denied_host_addresses(std::span<const IpAddress> own,
                                                 std::span<const std::uint16_t> ports);

// An error: it can't be said in a grant, so the login can't have it.
Result<ForwardGrant> forward_grant(const ForwardSettings& settings, const KeyGrant& key,
                                   const AccessGrant& access);

}  // namespace ssh2incus
