// The header of the PROXY protocol (haproxy's proxy-protocol.txt, versions 1 and 2), which a load
// balancer sends before the client's first byte. Fed by the network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/ipc_sessiond.h"
#include "common/result.h"

namespace ssh2incus {

inline constexpr std::size_t kMaxProxyHeader = 2048;  // with what balancers add to the addresses

// How many bytes after these surely belong to the header, so that nothing of what follows it is
// read; 0: it is complete, or none.
std::size_t missing_of_proxy_header(std::span<const std::uint8_t> header);

// Of a complete one; anything else is an error. Without addresses: the balancer speaks for itself
// (LOCAL), or doesn't know (UNKNOWN, and what isn't a stream of IPv4 or IPv6).
Result<ipc::ProxyHeaderRequest> parse_proxy_header(std::span<const std::uint8_t> header);

}  // namespace ssh2incus
