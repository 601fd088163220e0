// The guest's binary as it lies on the host, and the name that it has in instances.
#pragma once

#include <string>

#include "common/result.h"

namespace ssh2incus {

struct GuestProgram {
  std::string content;
  std::string name;  // "guest-" and the first 16 hexadecimal digits of its SHA-256
};

Result<GuestProgram> read_guest_program(const std::string& path);

// The same of the tmux that is put beside it: "tmux-", the digits, "-" and its size, so that the
// guest can tell a whole one from a part.
Result<GuestProgram> read_tmux_program(const std::string& path);

}  // namespace ssh2incus
