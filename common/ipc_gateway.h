// The boundary between the monitor and the gateway. One OpenRequest per gateway process; any number
// of progress and log notices; then ReadyReply or FailedReply, after which the gateway exits.
// What the gateway sends is not trusted by the monitor beyond these types.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>

#include "common/bounded.h"
#include "common/guest_protocol.h"
#include "common/ipc_codec.h"
#include "common/limits.h"

namespace ssh2incus::ipc {

enum class GatewayMessage : std::uint8_t {
  kOpenRequest = 1,
  kProgressNotice = 65,
  kReadyReply,
  kFailedReply,
  kLogNotice,
  kCrashNotice,
};
constexpr bool is_valid(GatewayMessage kind) {
  const auto raw = static_cast<std::uint8_t>(kind);
  return raw == 1 || (raw >= 65 && raw <= 69);
}

// The grant: what the gateway is to open, and nothing else.
struct OpenRequest {
  static constexpr auto kKind = GatewayMessage::kOpenRequest;
  BoundedString<limits::kMaxPath> socket_path;  // of incusd
  BoundedString<limits::kMaxPath> guest_path;   // host path of the guest's binary
  BoundedString<limits::kMaxProjectName> project;
  BoundedString<limits::kMaxInstanceName> instance;
  bool start_if_stopped = true;
  GuestGrant guest;
  auto fields() {
    return std::tie(socket_path, guest_path, project, instance, start_if_stopped, guest);
  }
};

struct GatewayProgress {
  static constexpr auto kKind = GatewayMessage::kProgressNotice;
  BoundedString<limits::kMaxUserMessage> text;
  auto fields() { return std::tie(text); }
};

// Carries four fds as TargetReadyNotice describes.
struct ReadyReply {
  static constexpr auto kKind = GatewayMessage::kReadyReply;
  std::uint32_t uid = 0;  // of the instance user, as the guest told
  BoundedString<64> instance_uuid;
  auto fields() { return std::tie(uid, instance_uuid); }
};

enum class TargetFailure : std::uint8_t {
  kNoSuchInstance = 1,
  kNoSuchProject,
  kNoSuchUser,
  kInstanceFrozen,
  kCannotStart,
  kIncusUnreachable,
  kGuestFailed,
  kTimedOut,
  kIncusError,
};
constexpr bool is_valid(TargetFailure failure) {
  const auto raw = static_cast<std::uint8_t>(failure);
  return raw >= 1 && raw <= 9;
}

// text: one line that the user can act on.
struct FailedReply {
  static constexpr auto kKind = GatewayMessage::kFailedReply;
  TargetFailure failure{};
  BoundedString<limits::kMaxUserMessage> text;
  auto fields() { return std::tie(failure, text); }
};

struct GatewayLog {
  static constexpr auto kKind = GatewayMessage::kLogNotice;
  BoundedString<limits::kMaxLogText> text;
  auto fields() { return std::tie(text); }
};

struct GatewayCrash {
  static constexpr auto kKind = GatewayMessage::kCrashNotice;
  std::uint32_t syscall = 0;
  auto fields() { return std::tie(syscall); }
};

}  // namespace ssh2incus::ipc
