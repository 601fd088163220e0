// The notice of a refused system call, as a signal handler can make it: without allocating. What
// ipc::encode() makes of a message whose one field is the call's number.
#pragma once

#include <array>
#include <cstdint>

namespace ssh2incus {

template <typename Kind>
constexpr std::array<std::uint8_t, 5> crash_notice_bytes(Kind kind, int syscall_number) {
  const auto number = static_cast<std::uint32_t>(syscall_number);
  return {static_cast<std::uint8_t>(kind), static_cast<std::uint8_t>(number >> 24U),
          static_cast<std::uint8_t>(number >> 16U), static_cast<std::uint8_t>(number >> 8U),
          static_cast<std::uint8_t>(number)};
}

}  // namespace ssh2incus
