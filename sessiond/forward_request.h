// Payloads of the forwarding requests of RFC 4254 §7 and of OpenSSH's for unix sockets taken apart.
// Fed by authenticated clients; none means malformed, out of bounds, or with a NUL byte.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/guest_protocol.h"

namespace ssh2incus {

// Of a channel of type "direct-tcpip" or "direct-streamlocal@openssh.com".
bool is_direct_channel(std::string_view type);
std::optional<OpenConnection> parse_direct_channel(std::string_view type,
                                                   std::span<const std::uint8_t> payload);

// Of a global request "tcpip-forward" or "streamlocal-forward@openssh.com", or its "cancel-".
std::optional<OpenListener> parse_forward_request(std::string_view name,
                                                  std::span<const std::uint8_t> payload);

// For the log: "HOST port PORT", or the path.
std::string text_of(const OpenConnection& wish);
std::string text_of(const OpenListener& wish);

// How the client is asked to take a connection: type and payload of the channel (RFC 4254 §7.2 and
// §6.3.2, OpenSSH's for unix sockets and agents).
struct ChannelOffer {
  const char* type;
  Bytes payload;
};
// listener: what the client has asked for; none if it's no listener of the client's any more.
std::optional<ChannelOffer> offer_to_client(const Accepted& accepted,
                                            const std::optional<OpenListener>& listener);

}  // namespace ssh2incus
