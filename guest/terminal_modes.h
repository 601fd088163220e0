// Terminal modes of a pty request (RFC 4254 §8), as the client sent them: a pure decoder.
#pragma once

#include <termios.h>

#include <cstdint>
#include <span>

namespace ssh2incus::guest {

// Changes what the modes name and this system has; stops at the first byte that isn't understood,
// as the RFC says. False if the encoding was cut short.
bool apply_terminal_modes(std::span<const std::uint8_t> modes, termios& settings);

}  // namespace ssh2incus::guest
