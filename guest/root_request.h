// Between a session's stand-in (root_client.h, the user's) and the root helper (root_helper.h).
//
// A request is one packet on the helper's socket: a byte that is a RootOperation, with four fds:
// one end of a packet socket (the conversation), and the standard streams that the program gets;
// with kStartProgram a fifth, the ProgramOrder's memory file. From then on, on the conversation: to
// the helper, one byte each, the number of a signal for the program; from it, one RootAnswer, the
// last word. Whoever closes the conversation hangs up.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/result.h"
#include "common/unique_fd.h"

namespace ssh2incus::guest {

enum class RootOperation : std::uint8_t { kStartProgram = 1, kInstallKeeper };

struct RootAnswer {
  bool by_signal = false;
  std::uint8_t value = 0;  // the signal's number, or the exit code
};
using EncodedRootAnswer = std::array<std::uint8_t, 2>;

struct RootRequest {
  RootOperation operation{};
  UniqueFd conversation;
  std::array<UniqueFd, 3> standard;
  UniqueFd order;  // with kStartProgram
};

Status send_root_request(int helper, RootOperation operation, std::span<const int> fds);
// None: it was malformed, and is dropped. An error: nobody is left who could ask.
Result<std::optional<RootRequest>> receive_root_request(int socket);

Status send_root_answer(int conversation, const RootAnswer& answer);

}  // namespace ssh2incus::guest
