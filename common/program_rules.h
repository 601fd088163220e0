// Whether a grant allows what a session asks for: one answer for the guest, and for the gateway
// where no guest can run.
#pragma once

#include "common/guest_protocol.h"

namespace ssh2incus {

// Why not a shell (or a command), on a terminal or not; null: it's allowed. With a forced command
// that is what runs, and either of the two permissions will do.
constexpr const char* why_not_program(const GuestGrant& grant, bool is_command, bool has_terminal) {
  if (!grant.allow_shell && !grant.allow_exec) return "shells and commands are not allowed here";
  if (has_terminal && !grant.allow_pty) return "a terminal is not allowed here";
  if (grant.forced_command) return nullptr;
  if (is_command && !grant.allow_exec) return "commands are not allowed here";
  if (!is_command && !grant.allow_shell) return "shells are not allowed here, only commands";
  return nullptr;
}

}  // namespace ssh2incus
