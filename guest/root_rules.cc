// See root_rules.h.
#include "guest/root_rules.h"

#include <algorithm>
#include <array>

#include "common/environment_rule.h"

namespace ssh2incus::guest {
namespace {

constexpr const char* kRootPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
// Of this session; paths and names that root only hands on.
constexpr std::array<std::string_view, 5> kSessionVariables = {"SSH_TTY", "SSH_AUTH_SOCK",
                                                               "DISPLAY", "XAUTHORITY", "TERM"};

std::string_view name_of(std::string_view line) { return line.substr(0, line.find('=')); }
std::string_view value_of(std::string_view line) {
  const auto equals = line.find('=');
  return equals == std::string_view::npos ? std::string_view() : line.substr(equals + 1);
}

bool is_plain(std::string_view value) {
  return std::ranges::all_of(value, [](char c) { return c >= ' ' && c != 0x7f; });
}

// The C library reads files by the values of some variables (TZ, LANG): not by those that lead out
// of its own directories.
bool leads_nowhere(std::string_view value) {
  return !value.starts_with('/') && value.find(":/") == std::string_view::npos &&
         value.find("..") == std::string_view::npos;
}

bool is_set_by_grant(const GuestGrant& grant, std::string_view line) {
  return std::ranges::any_of(grant.environment, [&](const EnvironmentEntry& entry) {
    return name_of(line) == *entry.name && value_of(line) == *entry.value &&
           environment_name_is_safe(*entry.name);
  });
}

bool may_be_roots(const GuestGrant& grant, std::string_view line) {
  const auto name = name_of(line);
  const auto value = value_of(line);
  if (name.size() == line.size() || line.find('\0') != std::string_view::npos) return false;
  if (is_set_by_grant(grant, line)) return true;
  if (!is_plain(value)) return false;
  if (name == "TERM") return leads_nowhere(value);
  if (std::ranges::find(kSessionVariables, name) != kSessionVariables.end()) return true;
  return environment_is_accepted(name, grant.accepted_environment) && leads_nowhere(value);
}

}  // namespace

Starter starter_for(ShellMode mode, bool has_command, bool has_terminal, bool is_kept) {
  if (mode == ShellMode::kUserShell) return Starter::kDirectly;
  if (mode != ShellMode::kLogin || is_kept) return Starter::kSu;
  return has_terminal && !has_command ? Starter::kLogin : Starter::kDirectly;
}

std::string shell_for(ShellMode mode, const Account& account) {
  return mode == ShellMode::kSush ? "/bin/sh" : account.shell;
}

std::vector<std::string> su_arguments(const Account& account, const std::string& trampoline) {
  return {"su", "-s", trampoline, "-", account.name};
}

std::vector<std::string> login_arguments(const Account& account) {
  return {"login", "-p", "-f", account.name};
}

std::vector<std::string> login_environment(const GuestGrant& grant,
                                           std::span<const std::string> wanted) {
  std::vector<std::string> environment = {kRootPath};
  std::ranges::copy_if(wanted, std::back_inserter(environment),
                       [&](const std::string& line) { return may_be_roots(grant, line); });
  return environment;
}

std::vector<std::string> su_environment(std::span<const std::string> wanted) {
  std::vector<std::string> environment = {kRootPath};
  for (const std::string& line : wanted) {
    if (name_of(line) == "TERM" && is_plain(value_of(line)) && leads_nowhere(value_of(line)) &&
        environment.size() == 1) {
      environment.push_back(line);
    }
  }
  return environment;
}

}  // namespace ssh2incus::guest
