// What a session runs by plain Incus exec, where no guest can enforce the grant: a pure function of
// the grant, the instance user and what the client asked for. Same rules as the guest's, except for
// what plain exec can't do.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/account_files.h"
#include "common/guest_protocol.h"
#include "common/plain_program.h"
#include "common/result.h"

namespace ssh2incus {

struct PlainCommand {
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;  // each name once
  std::string directory;
  std::optional<TerminalSize> size;  // with a terminal; each number in 1..65535
};

// An error is a refusal, to be told to the user. All texts of a command are valid UTF-8 without
// NUL, since Incus takes no others.
Result<PlainCommand> plain_command(const GuestGrant& grant, const Account& account,
                                   const PlainProgram& program);

}  // namespace ssh2incus
