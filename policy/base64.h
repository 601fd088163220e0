// Strict base64 (RFC 4648 §4): padded, no whitespace, no stray bits. Fed by key files that users
// write; trusts nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/bounded.h"

namespace ssh2incus {

// Nothing, if the text isn't exactly what encode_base64 would write for some bytes.
std::optional<Bytes> decode_base64(std::string_view text);
std::string encode_base64(std::span<const std::uint8_t> bytes);

}  // namespace ssh2incus
