// Verifies what a client signed to prove its key. Key and signature are hostile; the signed bytes
// are built by the monitor (policy/signature_subject.h).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/result.h"

namespace ssh2incus {

// What a security key must have done; the authorized_keys line decides.
struct SkRequirements {
  bool require_touch = true;
  bool require_verify = false;
};

// ok: the holder of the key signed exactly this data by that algorithm. The error says why not, for
// the log. No SHA-1, RSA of 2048 to 16384 bits only, nothing after the signature's last byte.
Status verify_signature(std::span<const std::uint8_t> key_blob, std::string_view algorithm,
                        std::span<const std::uint8_t> signature_blob,
                        std::span<const std::uint8_t> signed_data,
                        const SkRequirements& requirements);

}  // namespace ssh2incus
