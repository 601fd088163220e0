// Consoles: logins that are a command of ours instead of an instance (%list and the like). The
// monitor carries them out, for each session by itself; sessiond shows text and brings answers.
// Part of the boundary of common/ipc_sessiond.h.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>

#include "common/ipc_sessiond.h"

namespace ssh2incus::ipc {

// Instead of TargetReadyNotice.
struct ConsoleReadyNotice {
  static constexpr auto kKind = SessionMessage::kConsoleReadyNotice;
  BoundedString<limits::kMaxUserMessage> description;  // "%list"
  std::uint32_t idle_limit_seconds = 0;
  auto fields() { return std::tie(description, idle_limit_seconds); }
};

// A session, whose number is that of SessionOpenedNotice, with what the client asked to be run.
// ConsoleOutputNotices and one ConsoleEndNotice follow; SessionClosedNotice gives it up.
struct ConsoleOpenRequest {
  static constexpr auto kKind = SessionMessage::kConsoleOpenRequest;
  std::uint32_t stream = 0;
  std::optional<BoundedString<limits::kMaxConsoleLine>> arguments;
  auto fields() { return std::tie(stream, arguments); }
};

// Text of several lines, safe for a terminal. question: a line of the person's is wanted, which
// ConsoleAnswerRequest brings.
struct ConsoleOutputNotice {
  static constexpr auto kKind = SessionMessage::kConsoleOutputNotice;
  std::uint32_t stream = 0;
  BoundedString<limits::kMaxConsoleOutput> text;
  bool is_error = false;
  bool question = false;
  auto fields() { return std::tie(stream, text, is_error, question); }
};

// Without its end of line. Empty also at the end of the input.
struct ConsoleAnswerRequest {
  static constexpr auto kKind = SessionMessage::kConsoleAnswerRequest;
  std::uint32_t stream = 0;
  BoundedString<limits::kMaxConsoleLine> line;
  auto fields() { return std::tie(stream, line); }
};

struct ConsoleEndNotice {
  static constexpr auto kKind = SessionMessage::kConsoleEndNotice;
  std::uint32_t stream = 0;
  std::uint32_t exit_status = 0;
  auto fields() { return std::tie(stream, exit_status); }
};

}  // namespace ssh2incus::ipc
