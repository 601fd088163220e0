// What one session is to run in an instance where no guest can: what the client asked for, as
// sessiond tells the monitor and the monitor the gateway. What the grant makes of it:
// policy/plain_command.h.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>

#include "common/bounded.h"
#include "common/guest_protocol.h"
#include "common/limits.h"

namespace ssh2incus {

struct PlainTerminal {
  BoundedString<limits::kMaxTerminalName> term;
  TerminalSize size;
  auto fields() { return std::tie(term, size); }
};

struct PlainProgram {
  std::optional<PlainTerminal> terminal;
  std::optional<BoundedString<limits::kMaxCommand>> command;  // none: the login shell
  BoundedList<EnvironmentEntry, limits::kMaxEnvironmentEntries> environment;  // by `env` requests
  auto fields() { return std::tie(terminal, command, environment); }
};

// Encoded, so that it fits into one message with its stream.
inline constexpr std::size_t kMaxPlainProgram = limits::kMaxIpcMessage - 64;

// The websockets of a program, in this order: stdin, stdout, stderr, control; on a terminal: the
// terminal, control.
inline constexpr std::size_t kPlainSockets = 4;
inline constexpr std::size_t kPlainTerminalSockets = 2;

}  // namespace ssh2incus
