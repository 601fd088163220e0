// The bytes that a client signs to prove its key (RFC 4252 §7), and those by which we prove host
// keys, built from what the monitor knows
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

// What proves a host key to a client that has asked for it: OpenSSH's
// hostkeys-prove-00@openssh.com (its PROTOCOL, §2.5). Never the length of an exchange hash.
Bytes host_key_proof_data(std::span<const std::uint8_t> session_id,
                          std::span<const std::uint8_t> host_key_blob);

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
