// authorized-keys-command: a program of the administrator's that prints keys in the form of
// authorized_keys, asked by the attendant after the user's files. It is run as an unprivileged user
// without capabilities; what it prints is judged in a process of its own that may only read its
// memory and answer (monitor/key_reader.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/limits.h"
#include "common/result.h"
#include "monitor/host_lookup.h"
#include "policy/key_command_line.h"

namespace ssh2incus {

struct KeyCommand {
  KeyCommandLine line;
  HostUserRecord user;  // whom it runs as
  int timeout_ms = limits::kKeyCommandMs;
};

// At the start of the server: the command's form, its program (trusted_program()) and its user, who
// must exist and must not be root.
Result<KeyCommand> find_key_command(const std::string& text, const std::string& user);

// What it prints with these arguments, the first of which is the program. It has most_ms, but no
// more than its timeout_ms; then, or when it is done, its process group is killed. An error, with
// the reason for the log, unless it ended by itself with exit code 0, having printed
// limits::kMaxAuthorizedKeysFile at most.
Result<std::string> run_key_command(const KeyCommand& command, std::vector<std::string> arguments,
                                    std::uint32_t most_ms = limits::kKeyCommandMs);

}  // namespace ssh2incus
