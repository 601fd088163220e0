// Fed by the administrator; what the values mean is decided in policy/forward_settings.h.
#include "monitor/flags_forward.h"

#include <CLI/CLI.hpp>

#include "monitor/host_addresses.h"

namespace ssh2incus {

void add_forward_flags(CLI::App& app, ForwardFlags& raw) {
  app.add_option("--allow-tcp-forwarding", raw.tcp,
                 "forwarding of connections: yes, no, local or remote (default yes)")
      ->check(CLI::IsMember({"yes", "no", "local", "remote"}));
  app.add_option("--gateway-ports", raw.gateway_ports,
                 "where instances listen for clients: no (loopback), yes (everywhere) or "
                 "clientspecified (default no)")
      ->check(CLI::IsMember({"no", "yes", "clientspecified"}));
  app.add_option("--forward-deny", raw.denied,
                 "what nobody may be forwarded to, comma-separated: CIDR, CIDR:PORT, host, "
                 "host:PORT, incus-sockets; or none (default \"169.254.0.0/16,incus-sockets\")")
      ->delimiter(',');
  app.add_option("--agent-forwarding", raw.agent, "forwarding of agents: yes or no (default yes)")
      ->check(CLI::IsMember({"yes", "no"}));
  app.add_option("--x11-forwarding", raw.x11, "forwarding of X11: yes or no (default no)")
      ->check(CLI::IsMember({"yes", "no"}));
}

std::string check_forward_flags(ServerConfig& config, const ForwardFlags& raw) {
  ForwardSettings& settings = config.forwarding;
  settings.local = raw.tcp == "yes" || raw.tcp == "local";
  settings.remote = raw.tcp == "yes" || raw.tcp == "remote";
  settings.agent = raw.agent == "yes";
  settings.x11 = raw.x11 == "yes";
  settings.gateway_ports = raw.gateway_ports == "yes"  ? GatewayPorts::kYes
                           : raw.gateway_ports == "no" ? GatewayPorts::kNo
                                                       : GatewayPorts::kClientSpecified;
  auto denied = parse_forward_denial(raw.denied);
  if (!denied.ok()) return "--forward-deny: " + denied.error().message;
  settings.denied = std::move(*denied);
  if (settings.denied.host_ports.empty()) return {};
  const auto own = host_addresses();
  if (!own.ok()) return "--forward-deny: " + own.error().message;
  for (auto& network : denied_host_addresses(*own, settings.denied.host_ports)) {
    settings.denied.networks.push_back(std::move(network));
  }
  return {};
}

}  // namespace ssh2incus
