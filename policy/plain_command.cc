// See plain_command.h. The grant is the monitor's, the account was written by the instance, the
// program by the client.
#include "policy/plain_command.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "common/environment_rule.h"
#include "common/internal_sftp.h"
#include "common/login_path.h"
#include "common/program_rules.h"
#include "common/utf8.h"

namespace ssh2incus {
namespace {

constexpr const char* kDefaultShell = "/bin/sh";
// Shells that take -l for a login shell: Incus leaves nobody the choice of argv[0].
constexpr std::array<std::string_view, 12> kLoginOption = {
    "sh", "ash", "bash", "dash", "zsh", "ksh", "ksh93", "mksh", "yash", "fish", "csh", "tcsh"};

// What Incus takes: UTF-8 without NUL.
bool is_text(std::string_view text) {
  while (!text.empty()) {
    const Utf8Character character = decode_utf8(text);
    if (character.length == 0 || character.code_point == 0) return false;
    text.remove_prefix(character.length);
  }
  return true;
}

Status check(const GuestGrant& grant, const PlainProgram& program) {
  const char* reason =
      why_not_program(grant, program.command.has_value(), program.terminal.has_value());
  if (reason != nullptr) return fail(reason);
  if (grant.forced_command) {
    if (is_internal_sftp(**grant.forced_command)) return fail("no SFTP in plain mode");
    return {};
  }
  if (!program.command && program.terminal && grant.keeper != SessionKeeper::kNone) {
    return fail("no persistent sessions in plain mode");
  }
  return {};
}

class Environment {
 public:
  void set(std::string_view name, std::string_view value) {
    if (!is_text(name) || !is_text(value)) return;
    const auto found = std::ranges::find(entries_, name, [](const auto& e) { return e.first; });
    if (found != entries_.end()) {
      found->second = value;
    } else {
      entries_.emplace_back(name, value);
    }
  }
  std::vector<std::pair<std::string, std::string>> take() { return std::move(entries_); }

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
};

std::string shell_of(const Account& account) {
  return is_usable_path(account.shell) && is_text(account.shell) ? account.shell : kDefaultShell;
}

// Weakest first, as in the guest; /etc/environment is the guest's alone.
Environment environment_of(const GuestGrant& grant, const Account& account,
                           const PlainProgram& program) {
  Environment environment;
  environment.set("PATH", login_path(account.uid));
  for (const auto& entry : program.environment) {
    if (environment_is_accepted(*entry.name, grant.accepted_environment)) {
      environment.set(*entry.name, *entry.value);
    }
  }
  environment.set("USER", account.name);
  environment.set("LOGNAME", account.name);
  environment.set("HOME", account.home);
  environment.set("SHELL", shell_of(account));
  for (const auto& entry : grant.environment) {
    const bool usable = !entry.name.empty() && entry.name->find('=') == std::string::npos;
    if (usable) environment.set(*entry.name, *entry.value);
  }
  if (program.terminal) environment.set("TERM", *program.terminal->term);
  if (grant.forced_command && program.command) {
    environment.set("SSH_ORIGINAL_COMMAND", **program.command);
  }
  return environment;
}

std::uint32_t bounded_size(std::uint32_t value, std::uint32_t instead_of_zero) {
  return value == 0 ? instead_of_zero : std::min(value, 65535U);
}

}  // namespace

Result<PlainCommand> plain_command(const GuestGrant& grant, const Account& account,
                                   const PlainProgram& program) {
  TRY(check(grant, program));
  const std::string shell = shell_of(account);
  PlainCommand result;
  result.arguments = {shell};
  const auto& command = grant.forced_command ? grant.forced_command : program.command;
  if (command) {
    if (!is_text(**command)) return fail("a command that isn't UTF-8 can't be run in plain mode");
    result.arguments.emplace_back("-c");
    result.arguments.push_back(**command);
  } else if (std::ranges::find(kLoginOption, std::string_view(shell).substr(
                                                 shell.rfind('/') + 1)) != kLoginOption.end()) {
    result.arguments.emplace_back("-l");
  }
  result.environment = environment_of(grant, account, program).take();
  result.directory = is_usable_path(account.home) && is_text(account.home) ? account.home : "/";
  if (program.terminal) {
    const TerminalSize& size = program.terminal->size;
    result.size = TerminalSize{bounded_size(size.columns, 80), bounded_size(size.rows, 24), 0, 0};
  }
  return result;
}

}  // namespace ssh2incus
