// Plain mode: no guest can run in the instance, so each session is an Incus exec of its own, which
// sessiond asks the monitor for. Part of the boundary of common/ipc_sessiond.h.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>

#include "common/ipc_sessiond.h"
#include "common/plain_program.h"

namespace ssh2incus::ipc {

// Instead of TargetReadyNotice.
struct PlainReadyNotice {
  static constexpr auto kKind = SessionMessage::kPlainReadyNotice;
  BoundedString<limits::kMaxUserMessage> description;
  BoundedString<limits::kMaxUserMessage> reason;  // a line for the user
  std::uint32_t idle_limit_seconds = 0;
  std::uint32_t max_sessions = 0;             // at once
  BoundedString<limits::kMaxBanner> welcome;  // as with TargetReadyNotice
  auto fields() { return std::tie(description, reason, idle_limit_seconds, max_sessions, welcome); }
};

// Answered by PlainOpenedNotice or PlainFailedNotice, at any later time. The stream is the one of
// SessionOpenedNotice; SessionClosedNotice gives the session up.
struct PlainOpenRequest {
  static constexpr auto kKind = SessionMessage::kPlainOpenRequest;
  std::uint32_t stream = 0;
  PlainProgram program;
  auto fields() { return std::tie(stream, program); }
};

// Carries the program's websockets; see common/plain_program.h.
struct PlainOpenedNotice {
  static constexpr auto kKind = SessionMessage::kPlainOpenedNotice;
  std::uint32_t stream = 0;
  auto fields() { return std::tie(stream); }
};

struct PlainFailedNotice {
  static constexpr auto kKind = SessionMessage::kPlainFailedNotice;
  std::uint32_t stream = 0;
  BoundedString<limits::kMaxUserMessage> text;
  auto fields() { return std::tie(stream, text); }
};

// The program seems to have ended: how? Once per stream. Answered by PlainExitedNotice, once it
// has.
struct PlainStatusRequest {
  static constexpr auto kKind = SessionMessage::kPlainStatusRequest;
  std::uint32_t stream = 0;
  auto fields() { return std::tie(stream); }
};

struct PlainExitedNotice {
  static constexpr auto kKind = SessionMessage::kPlainExitedNotice;
  std::uint32_t stream = 0;
  std::optional<std::uint32_t> status;  // as a shell tells it; none: nobody knows
  auto fields() { return std::tie(stream, status); }
};

}  // namespace ssh2incus::ipc
