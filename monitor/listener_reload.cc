// SIGHUP: reads configuration and host keys again. All or nothing: what is wrong is logged and the
// old configuration stays. Connections that are there keep what they were forked with.
#include <array>
#include <utility>

#include "monitor/configuration.h"
#include "monitor/listener.h"
#include "monitor/reload.h"
#include "monitor/remotes.h"
#include "monitor/used_files.h"

namespace ssh2incus {
namespace {

template <typename T>
void keep(const char* name, const T& current, T& next, std::vector<std::string>& kept) {
  if (current == next) return;
  next = current;
  kept.emplace_back(name);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

}  // namespace

std::vector<std::string> keep_until_restart(const ServerConfig& current, ServerConfig& next) {
  std::vector<std::string> kept;
  keep("listen", current.listen, next.listen, kept);
  keep("pprof-listen", current.diagnostics_listen, next.diagnostics_listen, kept);
  keep("socket", current.incus_socket, next.incus_socket, kept);
  keep("libexec-dir", current.libexec_dir, next.libexec_dir, kept);
  keep("run-dir", current.run_dir, next.run_dir, kept);
  keep("pid-file", current.pid_file, next.pid_file, kept);
  keep("master", current.master, next.master, kept);
  keep("incus-shell", current.incus_shell, next.incus_shell, kept);
  // Its processes need more system calls than the listener kept. It may change and go, though.
  if (current.authorized_keys_command.empty()) {
    keep("authorized-keys-command", current.authorized_keys_command, next.authorized_keys_command,
         kept);
    next.authorized_keys_command_user = current.authorized_keys_command_user;
  }
  // The listener has given up what PAM's modules need for passwords.
  if (next.password_authentication() && !current.password_authentication()) {
    // Chains that let anybody in are not kept: keys are what remains.
    const ServerConfig keys_alone;
    const ServerConfig& safe = current.no_authentication ? keys_alone : current;
    keep("auth-methods", safe.auth_chains, next.auth_chains, kept);
    next.enabled_methods = safe.enabled_methods;
  }
  // The sockets that are open weren't chosen for it.
  if (next.no_authentication && !current.no_authentication) {
    keep("noauth", current.no_authentication, next.no_authentication, kept);
    keep("auth-methods", current.auth_chains, next.auth_chains, kept);
    next.enabled_methods = current.enabled_methods;
  }
  return kept;
}

void Listener::reload() {
  LoadedConfiguration loaded = load_configuration(arguments_);
  for (const FileProblem& problem : loaded.problems) {
    log_.write(LogLevel::kError, "reload_failed",
               {{"file", problem.file},
                {"line", problem.line},
                {"column", problem.column},
                {"reason", problem.message}});
  }
  if (loaded.exit_now) {
    log_.write(LogLevel::kError, "reload_failed", {{"reason", reason_of(*loaded.exit_now)}});
  }
  if (loaded.exit_now || !loaded.problems.empty()) return;
  const std::vector<std::string> kept = keep_until_restart(config_, loaded.config);
  if (auto applied = apply(std::move(loaded.config)); !applied.ok()) {
    log_.write(LogLevel::kError, "reload_failed", {{"reason", applied.error().message}});
    return;
  }
  log_.write(LogLevel::kNotice, "reloaded", {{"file", loaded.file}});
  for (const std::string& problem : config_.remotes->problems)
    log_.write(LogLevel::kWarning, "remote_unusable", {{"reason", problem}});
  if (!kept.empty()) {
    log_.write(LogLevel::kWarning, "restart_needed", {{"settings", joined(kept)}});
  }
}

Status Listener::apply(ServerConfig config) {
  HostKeys host_keys = TRY(open_used_files(config));
  setup_.key_command = TRY(prepare_key_command(config));
  host_keys_ = std::move(host_keys);
  config_ = std::move(config);
  log_ = log_.at(config_.debug);
  penalties_.change(config_.penalty_settings);
  user_penalties_.change(config_.user_penalty_settings);
  health_.change(config_.health_check);
  recount_sources();
  return {};
}

// Connections that are there stay, even if there are more now than may be of one source.
void Listener::recount_sources() {
  source_startups_ = SourceStartups(0, config_.source_ipv4_bits, config_.source_ipv6_bits);
  for (const auto& [number, child] : children_) {
    if (!child.logged_in) source_startups_.try_add(child.source);
  }
  source_startups_.limit_to(config_.per_source_max_startups);
}

}  // namespace ssh2incus
