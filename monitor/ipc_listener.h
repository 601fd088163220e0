// What a monitor tells the listener, one way: how its login goes. The listener counts failures by
// user from it and no longer counts the connection as unauthenticated. User names in it come from
// the network. The listener answers nothing; the end of the channel means that the other side has
// ended.
#pragma once

#include <cstdint>
#include <tuple>

#include "common/bounded.h"
#include "common/ipc_codec.h"
#include "common/limits.h"

namespace ssh2incus {

enum class ListenerMessage : std::uint8_t { kLoggedInNotice = 1, kFailureNotice };
constexpr bool is_valid(ListenerMessage kind) {
  const auto raw = static_cast<std::uint8_t>(kind);
  return raw >= 1 && raw <= 2;
}

// The host user who has logged in; empty if it wasn't one who proved something.
struct LoggedInNotice {
  static constexpr auto kKind = ListenerMessage::kLoggedInNotice;
  BoundedString<limits::kMaxUserName> user;
  auto fields() { return std::tie(user); }
};

// An attempt with something that can be guessed has failed.
struct FailureNotice {
  static constexpr auto kKind = ListenerMessage::kFailureNotice;
  BoundedString<limits::kMaxUserName> user;
  auto fields() { return std::tie(user); }
};

}  // namespace ssh2incus
