// One Incus exec: a command started in the instance and its websockets connected, ready to be used
// or handed over; and how it ended. Nothing here says who may run what.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/guest_protocol.h"
#include "gateway/exec_socket.h"
#include "gateway/incus_client.h"
#include "gateway/outcome.h"
#include "gateway/target.h"

namespace ssh2incus {

struct ExecCommand {
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string directory = "/";
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::optional<TerminalSize> terminal;
};

// Either it runs, or Incus runs no command in the instance: refusal says why.
struct ExecAttempt {
  std::string operation;
  // stdin, stdout, stderr, control; with a terminal: the terminal, control.
  std::vector<ExecSocket> sockets;
  std::string refusal;
  [[nodiscard]] bool started() const { return !sockets.empty(); }
};

Outcome<ExecAttempt> start_exec(IncusClient& client, const Target& target,
                                const ExecCommand& command, const Patience& patience);

struct ExecState {
  bool ended = false;
  std::optional<int> status;  // 0..255, as a shell tells it; none: not known (any more)
};

Outcome<ExecState> exec_state(IncusClient& client, const std::string& operation,
                              const Patience& patience);
// The status of an exec whose streams have ended: waits a moment for it.
Outcome<std::optional<int>> exec_status(IncusClient& client, const std::string& operation,
                                        const Patience& patience);

}  // namespace ssh2incus
