// Whether a ForwardGrant allows a connection or a listener: pure functions, for the guest, which
// enforces the grant whatever sessiond says. A reason is for the client's user; empty means yes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/guest_protocol.h"

namespace ssh2incus {

// As the client has sent it: by name and port, before any name is looked up.
std::string why_not_connect(const ForwardGrant& grant, const OpenConnection& wish);
// The address that it has led to: 4 or 16 bytes in network order. Mapped IPv4 addresses are IPv4's,
// and those that mean the instance itself (0.0.0.0, ::) are loopback's.
std::string why_not_address(const ForwardGrant& grant, std::span<const std::uint8_t> address,
                            std::uint16_t port);
std::string why_not_listen(const ForwardGrant& grant, const OpenListener& wish);

// A pattern of sshd_config(5)'s PermitOpen and PermitListen: the host as it was sent (in brackets
// or without, upper or lower case) or "*"; the port or "*". A path of a unix socket is host to
// every port.
bool matches_permitted(std::string_view pattern, std::string_view host, std::uint16_t port);
bool matches_permitted_path(std::string_view pattern, std::string_view path);
// A pattern of the access policy's local-forward-to: as above, with '*' and '?' in the host.
bool matches_forward_to(std::string_view pattern, std::string_view host, std::uint16_t port);

}  // namespace ssh2incus
