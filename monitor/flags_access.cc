// Fed by the administrator.
#include "monitor/flags_access.h"

#include <CLI/CLI.hpp>

#include "policy/duration.h"

namespace ssh2incus {

void add_access_flags(CLI::App& app, ServerConfig& config, AccessFlags& raw) {
  app.add_option("--access", config.access,
                 "access policy: default, incus-native or a file (default "
                 "/etc/ssh2incus/access.yaml, if it's there)");
  app.add_option("--idle-timeout", raw.idle_timeout,
                 "end connections without data for so long, e.g. 300 or 5m (default: no limit)");
  ExplainFlags& explain = raw.explain;
  app.add_option("--explain", explain.login,
                 "tell how a login is understood and which access rule decides, and exit")
      ->configurable(false);
  app.add_option("--as", explain.user, "with --explain: the host user, instead of the login's")
      ->configurable(false);
  app.add_option("--from", explain.source, "with --explain: the client's address")
      ->configurable(false);
  app.add_option("--with", explain.methods,
                 "with --explain: methods that have succeeded (default publickey; with --noauth "
                 "none)")
      ->configurable(false);
  app.add_flag("--with-instance", explain.by_instance,
               "with --explain: by keys and passwords of the instance (--inauth), not of the host")
      ->configurable(false);
  app.add_option("--at", explain.time,
                 "with --explain: \"YYYY-MM-DD HH:MM\" by the server's clock (default: now)")
      ->configurable(false);
  app.add_option("--key", explain.keys, "with --explain: fingerprint of a key that was used")
      ->configurable(false);
  app.add_option("--principal", explain.principals, "with --explain: principal of a certificate")
      ->configurable(false);
  app.add_option("--label", explain.labels, "with --explain: NAME=VALUE, a label of the instance")
      ->configurable(false);
}

std::string check_access_flags(ServerConfig& config, const AccessFlags& raw) {
  const bool is_preset = config.access == "default" || config.access == "incus-native";
  if (!config.access.empty() && !is_preset &&
      (config.access.front() != '/' || config.access.size() >= limits::kMaxPath)) {
    return "--access: '" + config.access +
           "' is neither default, incus-native nor an absolute path";
  }
  if (raw.idle_timeout.empty()) return {};
  const auto idle = parse_duration(raw.idle_timeout);
  if (!idle.ok()) return "--idle-timeout: " + idle.error().message;
  config.idle_timeout = *idle;
  return {};
}

}  // namespace ssh2incus
