// Fed by the administrator.
#include "monitor/flags_access.h"

#include <CLI/CLI.hpp>

#include "policy/duration.h"

namespace ssh2incus {
namespace {

// Returns the mistake. An empty value leaves the duration as it is.
std::string take_duration(const std::string& flag, const std::string& value,
                          std::chrono::seconds& duration) {
  if (value.empty()) return {};
  const auto parsed = parse_duration(value);
  if (!parsed.ok()) return flag + ": " + parsed.error().message;
  duration = *parsed;
  return {};
}

}  // namespace

void add_access_flags(CLI::App& app, ServerConfig& config, AccessFlags& raw) {
  app.add_option("--access", config.access,
                 "access policy: default, incus-native or a file (default "
                 "/etc/ssh2incus/access.yaml, if it's there)");
  app.add_option("--idle-timeout", raw.idle_timeout,
                 "end connections without data for so long, e.g. 300 or 5m (default: no limit)");
  app.add_option("--instance-timeout", raw.instance_timeout,
                 "end connections whose instance is silent for so long, e.g. frozen; 0: never "
                 "(default: 5m)");
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
  if (auto mistake = take_duration("--idle-timeout", raw.idle_timeout, config.idle_timeout);
      !mistake.empty()) {
    return mistake;
  }
  if (raw.instance_timeout == "0") {
    config.instance_timeout = std::chrono::seconds(0);
    return {};
  }
  return take_duration("--instance-timeout", raw.instance_timeout, config.instance_timeout);
}

}  // namespace ssh2incus
