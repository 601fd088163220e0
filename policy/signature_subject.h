// The bytes that a client signs to prove its key (RFC 4252 §7), built from what the monitor knows
// itself, and the parts of the signature that it sends. Signatures come from clients.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/bounded.h"
#include "common/result.h"

namespace ssh2incus {

// With a host key: as OpenSSH's publickey-hostbound-v00@openssh.com signs it.
Bytes public_key_signed_data(
    std::span<const std::uint8_t> session_id, std::string_view login, std::string_view algorithm,
    std::span<const std::uint8_t> key_blob,
    std::optional<std::span<const std::uint8_t>> host_key_blob = std::nullopt);

struct SignatureParts {
  std::string algorithm;
  Bytes blob;              // as the algorithm's RFC encodes it
  std::uint8_t flags = 0;  // security keys only
  std::uint32_t counter = 0;
};
// Algorithm name and blob; for sk- algorithms flags and counter too; nothing after it. The
// algorithm must be the one of the request.
Result<SignatureParts> parse_signature(std::string_view algorithm,
                                       std::span<const std::uint8_t> signature);

}  // namespace ssh2incus
