// --pprof, --pprof-listen, --healthcheck. Whoever reaches the diagnostics may read them, so only
// this host does.
#include "monitor/flags_diagnostics.h"

#include <CLI/CLI.hpp>

#include "policy/duration.h"
#include "policy/listen_address.h"

namespace ssh2incus {
namespace {

constexpr const char* kDefaultListen = "127.0.0.1:6060";
constexpr std::chrono::seconds kReadinessInterval{30};  // where -H doesn't say

}  // namespace

void add_diagnostics_flags(CLI::App& app, DiagnosticsFlags& raw) {
  app.add_flag("--pprof", raw.enabled, "enable diagnostics: /metrics, /healthz, /readyz");
  app.add_option(
      "--pprof-listen", raw.listen,
      "diagnostics listen on \"127.0.0.1:port\", \"[::1]:port\" or \"unix:/path\" (default "
      "\"127.0.0.1:6060\")");
  app.add_option("-H,--healthcheck", raw.health_check, "check Incus at that interval, e.g. \"5m\"");
}

std::string check_diagnostics_flags(ServerConfig& config, const DiagnosticsFlags& raw) {
  if (!raw.health_check.empty()) {
    const auto interval = parse_duration(raw.health_check);
    if (!interval.ok()) return "--healthcheck: " + interval.error().message;
    config.health_check = *interval;
  }
  if (!raw.enabled && raw.listen.empty()) return {};
  config.diagnostics_listen = raw.listen.empty() ? kDefaultListen : raw.listen;
  const auto address = parse_listen_address(config.diagnostics_listen);
  if (!address.ok()) return "--pprof-listen: " + address.error().message;
  if (!is_on_this_host_only(*address)) {
    return "--pprof-listen: '" + raw.listen +
           "' can be reached by others; give a loopback address (127.0.0.1:6060) or unix:/path";
  }
  if (!config.health_check) config.health_check = kReadinessInterval;
  return {};
}

}  // namespace ssh2incus
