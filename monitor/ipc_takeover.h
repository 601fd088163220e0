// The boundary between a server that runs and the one that is to take its place (--take-over), both
// root's, perhaps of different versions: over a unix socket in the run directory. The new one asks;
// the old one gives its listening sockets and goes on as if nothing had happened. Once the new one
// is ready it says so; the old one accepts no more, hands its connections over, and ends. If either
// goes away before, nothing has changed.
#pragma once

#include <cstdint>
#include <tuple>

#include "common/bounded.h"
#include "common/ipc_codec.h"

namespace ssh2incus {

// Of this and of monitor/ipc_listener.h: connections go to a listener that speaks as they do.
inline constexpr std::uint16_t kTakeoverVersion = 1;

enum class TakeoverMessage : std::uint8_t {
  // new to old
  kTakeoverRequest = 1,
  kTakeoverReadyNotice,
  // old to new
  kListeningSocketNotice = 65,
  kSocketsEndNotice,
  kConnectionNotice,
  kHandedOverNotice,
};
constexpr bool is_valid(TakeoverMessage kind) {
  const auto raw = static_cast<std::uint8_t>(kind);
  return (raw >= 1 && raw <= 2) || (raw >= 65 && raw <= 68);
}

struct TakeoverRequest {
  static constexpr auto kKind = TakeoverMessage::kTakeoverRequest;
  std::uint16_t version = kTakeoverVersion;
  auto fields() { return std::tie(version); }
};

// Carries one socket.
struct ListeningSocketNotice {
  static constexpr auto kKind = TakeoverMessage::kListeningSocketNotice;
  std::uint32_t number = 0;
  auto fields() { return std::tie(number); }
};

struct SocketsEndNotice {
  static constexpr auto kKind = TakeoverMessage::kSocketsEndNotice;
  std::uint32_t count = 0;  // of sockets
  auto fields() { return std::tie(count); }
};

struct TakeoverReadyNotice {
  static constexpr auto kKind = TakeoverMessage::kTakeoverReadyNotice;
  std::uint16_t version = kTakeoverVersion;
  auto fields() { return std::tie(version); }
};

// Carries the listener's end of a monitor's channel. source: 4 or 16 bytes, or none.
struct ConnectionNotice {
  static constexpr auto kKind = TakeoverMessage::kConnectionNotice;
  std::uint32_t pid = 0;
  BoundedBytes<16> source;
  BoundedString<64> id;
  bool source_awaited = false;
  bool logged_in = false;
  auto fields() { return std::tie(pid, source, id, source_awaited, logged_in); }
};

struct HandedOverNotice {
  static constexpr auto kKind = TakeoverMessage::kHandedOverNotice;
  std::uint32_t count = 0;  // of connections
  auto fields() { return std::tie(count); }
};

}  // namespace ssh2incus
