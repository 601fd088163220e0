// See session_environment.h.
#include "guest/session_environment.h"

#include <algorithm>

#include "common/environment_rule.h"
#include "common/internal_sftp.h"
#include "common/login_path.h"

namespace ssh2incus::guest {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto start = text.find_first_not_of(" \t\r");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t\r") - start + 1);
}

std::string_view without_quotes(std::string_view text) {
  const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                      text.back() == text.front();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

bool is_text(std::string_view value) { return value.find('\0') == std::string_view::npos; }

// Lines "NAME=VALUE" as pam_env reads them in its simple form. The instance's root wrote the file,
// and may set what it likes; a name that could not be one is skipped.
void read_etc_environment(std::string_view text, Environment& environment) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with("export ")) line = trimmed(line.substr(7));
    const auto equals = line.find('=');
    if (line.starts_with('#') || equals == std::string_view::npos) continue;
    const auto name = line.substr(0, equals);
    const auto value = without_quotes(trimmed(line.substr(equals + 1)));
    const bool known = name == "PATH" || environment_name_is_safe(name);
    if (known && is_text(value)) environment.set(name, value);
  }
}

}  // namespace

void Environment::set(std::string_view name, std::string_view value) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  if (found != entries_.end()) {
    found->second = value;
  } else {
    entries_.emplace_back(name, value);
  }
}

std::optional<std::string_view> Environment::get(std::string_view name) const {
  for (const auto& entry : entries_) {
    if (entry.first == name) return entry.second;
  }
  return std::nullopt;
}

std::vector<std::string> Environment::lines() const {
  std::vector<std::string> lines;
  lines.reserve(entries_.size());
  for (const auto& entry : entries_) lines.push_back(entry.first + "=" + entry.second);
  return lines;
}

Environment session_environment(const EnvironmentSources& sources) {
  Environment environment;
  const auto& account = sources.account;
  environment.set("PATH", login_path(account.uid));
  read_etc_environment(sources.etc_environment, environment);
  if (sources.timezone) environment.set("TZ", *sources.timezone);
  for (const auto& entry : sources.request.environment) {
    const bool accepted = environment_is_accepted(*entry.name, sources.grant.accepted_environment);
    if (accepted && is_text(*entry.value)) environment.set(*entry.name, *entry.value);
  }
  environment.set("USER", account.name);
  environment.set("LOGNAME", account.name);
  environment.set("HOME", account.home);
  environment.set("SHELL", account.shell);
  for (const auto& entry : sources.grant.environment) {
    const bool usable = !entry.name.empty() && entry.name->find('=') == std::string::npos;
    if (usable && is_text(*entry.name) && is_text(*entry.value)) {
      environment.set(*entry.name, *entry.value);
    }
  }
  if (sources.request.pty && is_text(*sources.request.pty->term)) {
    environment.set("TERM", *sources.request.pty->term);
  }
  if (!sources.tty.empty()) environment.set("SSH_TTY", sources.tty);
  if (!sources.agent_socket.empty()) environment.set("SSH_AUTH_SOCK", sources.agent_socket);
  if (sources.grant.forced_command && sources.request.sftp) {
    environment.set("SSH_ORIGINAL_COMMAND", kInternalSftp);
  } else if (sources.grant.forced_command && sources.request.command) {
    environment.set("SSH_ORIGINAL_COMMAND", **sources.request.command);
  }
  return environment;
}

}  // namespace ssh2incus::guest
