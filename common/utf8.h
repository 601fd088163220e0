// Characters of UTF-8 (RFC 3629): shortest form, no surrogates, nothing beyond U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ssh2incus {

struct Utf8Character {
  std::uint32_t code_point = 0;
  std::size_t length = 0;  // in bytes; 0: what is there is no UTF-8
};

// The character that the text, which isn't empty, begins with.
Utf8Character decode_utf8(std::string_view text);

}  // namespace ssh2incus
