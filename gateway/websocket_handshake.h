// The opening handshake of a WebSocket (RFC 6455 section 4), client side, over bytes in memory. The
// reply was written by incusd or by whoever sits in its place: hostile.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace ssh2incus {

inline constexpr std::size_t kMaxHandshakeReply = 16UL * 1024;

// path is a validated request target; key comes from new_websocket_key().
std::string upgrade_request(std::string_view path, std::string_view key);

std::string new_websocket_key();

// The Sec-WebSocket-Accept that belongs to a key.
std::string websocket_accept(std::string_view key);

// Where the reply's header ends (just after the empty line), once all of it has arrived.
std::optional<std::size_t> end_of_reply(std::string_view bytes);

// Checks a complete header, its empty line included: 101, upgrade to websocket, the right accept
// value, no extension and no subprotocol, since none was asked for.
Status check_upgrade_reply(std::string_view reply, std::string_view key);

}  // namespace ssh2incus
