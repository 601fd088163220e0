// --inauth, --noauth. Without authentication the address is all that protects the instances, so it
// has to be a literal one of loopback, or somebody has to say that they know.
#include "monitor/flags_instance.h"

#include <CLI/CLI.hpp>
#include <array>

#include "policy/ip_address.h"

namespace ssh2incus {
namespace {

// listen: "host:port"; names aren't looked up, so only addresses count.
bool is_on_loopback(const std::string& listen) {
  std::string host = listen.substr(0, listen.rfind(':'));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const auto address = IpAddress::parse(host);
  return address && match_address_list(*address, "127.0.0.0/8,::1") == AddressMatch::kMatch;
}

}  // namespace

void add_instance_flags(CLI::App& app, ServerConfig& config, InstanceFlags& raw) {
  app.add_flag("-I,--inauth", config.instance_authentication,
               "enable authentication using instance keys");
  app.add_flag("--noauth", config.no_authentication, "disable SSH authentication completely");
  app.add_flag("--i-know-this-is-open", raw.known_to_be_open,
               "allow --noauth on addresses other than loopback");
}

std::string check_instance_flags(ServerConfig& config, const InstanceFlags& raw) {
  if (!config.no_authentication) {
    return raw.known_to_be_open ? "--i-know-this-is-open: only with --noauth" : "";
  }
  if (config.instance_authentication) return "--noauth: nothing is left for --inauth to do";
  for (const std::string& listen : config.listen) {
    if (raw.known_to_be_open || is_on_loopback(listen)) continue;
    return "--noauth: whoever can connect to '" + listen +
           "' could log in; listen on a loopback address (127.0.0.1:2222), or add "
           "--i-know-this-is-open";
  }
  config.auth_chains = AuthenticationChains::any_of(std::array{AuthMethod::kNone});
  return {};
}

}  // namespace ssh2incus
