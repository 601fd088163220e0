// What is to be executed as the user, written down in a memory file: su(1) keeps neither arguments
// that aren't a shell's nor an environment, so the program that it starts (guest/trampoline.h)
// reads them from there. Nothing of it is ever a shell's text. The user may have written it; only
// the user's own processes act on it.
#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "common/bounded.h"
#include "common/ipc_codec.h"
#include "common/limits.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace ssh2incus::guest {

inline constexpr std::size_t kMaxEnvironmentLine = 68UL * 1024;

struct ProgramOrder {
  BoundedString<limits::kMaxPath> program;
  BoundedList<BoundedString<limits::kMaxCommand>, 16> arguments;      // argv[0] first
  BoundedList<BoundedString<kMaxEnvironmentLine>, 1024> environment;  // "NAME=VALUE"
  auto fields() { return std::tie(program, arguments, environment); }
};

// A memory file with it, close-on-exec.
Result<UniqueFd> write_order(const ProgramOrder& order);
Result<ProgramOrder> read_order(int fd);

}  // namespace ssh2incus::guest
