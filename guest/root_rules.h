// What the root helper does for the multiplexer, as pure functions of the grant: which program it
// starts and with which environment. What the multiplexer asks comes from the user and may be a
// lie; a program that root starts must not get anything from it that changes which code runs.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/account_files.h"
#include "common/guest_protocol.h"
#include "common/result.h"

namespace ssh2incus::guest {

// How the program of a session is started.
enum class Starter : std::uint8_t { kDirectly, kSu, kLogin };

// login(1) starts shells on a terminal only; commands, and shells without one, start as in the
// user's shell mode. A shell that is to stay is kept by a program, which login can't start: su
// does.
Starter starter_for(ShellMode mode, bool has_command, bool has_terminal, bool is_kept);

// The program that is the user's shell in this mode.
std::string shell_for(ShellMode mode, const Account& account);

// argv of su or login, without the path of the program itself in argv[0].
std::vector<std::string> su_arguments(const Account& account, const std::string& trampoline);
std::vector<std::string> login_arguments(const Account& account);

// "NAME=VALUE" for login, which keeps it for the shell. wanted: what the multiplexer asks for.
std::vector<std::string> login_environment(const GuestGrant& grant,
                                           std::span<const std::string> wanted);
// For su, which clears all but TERM.
std::vector<std::string> su_environment(std::span<const std::string> wanted);

}  // namespace ssh2incus::guest
