// How a connection ended, as the monitor's exit code tells the listener: decides about penalties.
#pragma once

#include <cstdint>

namespace ssh2incus {

enum class ConnectionEnd : std::uint8_t {
  kLoggedIn = 0,        // ended after a login, in whatever way
  kNoAttempt = 10,      // left without trying to authenticate
  kAuthFailed = 11,     // left after failed attempts
  kGraceExceeded = 12,  // LoginGraceTime ran out
  kCrashed = 13,        // a sandboxed process made a refused call or died of a signal
  kViolation = 14,      // sessiond broke the rules
  kInternal = 15,       // our side could not go on
  kRefused = 17,        // its source is refused, as a load balancer has told it
  kInvalidUser = 16,    // as kAuthFailed, with the name of a user who doesn't exist
};

constexpr bool is_valid(ConnectionEnd how) {
  const auto raw = static_cast<std::uint8_t>(how);
  return raw == 0 || (raw >= 10 && raw <= 17);
}

}  // namespace ssh2incus
