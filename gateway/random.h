// Random bytes of the kernel, for websocket keys and names of temporary files.
#pragma once

#include <sys/random.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/check.h"

namespace ssh2incus {

template <std::size_t Size>
std::array<std::uint8_t, Size> random_bytes() {
  static_assert(Size <= 256, "getrandom() is interrupted only above");
  std::array<std::uint8_t, Size> bytes{};
  CHECK(getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return bytes;
}

template <typename Container>
std::string hexadecimal(const Container& bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) {
    text += kDigits[static_cast<unsigned char>(byte) >> 4U];
    text += kDigits[static_cast<unsigned char>(byte) & 15U];
  }
  return text;
}

}  // namespace ssh2incus
