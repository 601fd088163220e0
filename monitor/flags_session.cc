// -b, -w, -S, -T.
#include "monitor/flags_session.h"

#include <CLI/CLI.hpp>
#include <array>
#include <utility>

namespace ssh2incus {
namespace {

constexpr std::array<std::pair<const char*, ShellMode>, 4> kShellModes = {{
    {"", ShellMode::kUserShell},
    {"login", ShellMode::kLogin},
    {"su", ShellMode::kSu},
    {"sush", ShellMode::kSush},
}};
constexpr std::array<std::pair<const char*, SessionKeeper>, 3> kKeepers = {{
    {"tmux", SessionKeeper::kTmux},
    {"screen", SessionKeeper::kScreen},
    {"builtin", SessionKeeper::kBuiltin},
}};

template <typename T, std::size_t N>
bool find_named(const std::array<std::pair<const char*, T>, N>& known, const std::string& name,
                T& value) {
  for (const auto& [known_name, known_value] : known) {
    if (name != known_name) continue;
    value = known_value;
    return true;
  }
  return false;
}

std::string why_not_file(const char* flag, bool enabled, const std::string& path) {
  if (path.empty()) return {};
  if (!enabled) return std::string(flag) + "-file: only with " + flag;
  if (path.front() != '/') return std::string(flag) + "-file: '" + path + "' is no absolute path";
  return {};
}

}  // namespace

void add_session_flags(CLI::App& app, ServerConfig& config, SessionFlags& raw) {
  app.add_flag("-b,--banner", config.banner, "show banner on login");
  app.add_option("--banner-file", config.banner_file,
                 "text of the banner (default /etc/ssh2incus/banner.txt, else a built-in one)");
  app.add_flag("-w,--welcome", config.welcome, "show welcome message to users connecting to shell");
  app.add_option("--welcome-file", config.welcome_file,
                 "that message (default /etc/ssh2incus/welcome.txt, else a built-in one)");
  app.add_option("-S,--shell", raw.shell,
                 "shell access command: login, su, sush or user shell (default)");
  app.add_option("-T,--term-mux", raw.keeper,
                 "terminal multiplexer: tmux (default), screen or builtin");
  app.add_option("--incus-shell", raw.incus_shell,
                 "the incus client as a shell (%shell): yes or no (default yes)")
      ->check(CLI::IsMember({"yes", "no"}));
}

std::string check_session_flags(ServerConfig& config, const SessionFlags& raw) {
  if (!find_named(kShellModes, raw.shell, config.shell_mode))
    return "--shell: '" + raw.shell + "' isn't login, su or sush";
  if (!find_named(kKeepers, raw.keeper, config.session_keeper))
    return "--term-mux: '" + raw.keeper + "' isn't tmux, screen or builtin";
  config.incus_shell = raw.incus_shell == "yes";
  if (auto wrong = why_not_file("--banner", config.banner, config.banner_file); !wrong.empty())
    return wrong;
  return why_not_file("--welcome", config.welcome, config.welcome_file);
}

}  // namespace ssh2incus
