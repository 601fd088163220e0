// --inauth, --noauth. Without authentication the address is all that protects the instances, so it
// has to be a literal one of loopback, or somebody has to say that they know.
#include "monitor/flags_instance.h"

#include <CLI/CLI.hpp>
#include <array>

#include "policy/listen_address.h"

namespace ssh2incus {
void add_instance_flags(CLI::App& app, ServerConfig& config) {
  app.add_flag("-I,--inauth", config.instance_authentication,
               "enable authentication using instance keys");
  app.add_flag("--noauth", config.no_authentication, "disable SSH authentication completely");
  app.add_flag("--i-know-this-is-open", config.known_to_be_open,
               "allow --noauth on addresses other than loopback");
}

std::string check_instance_flags(ServerConfig& config) {
  if (!config.no_authentication) {
    return config.known_to_be_open ? "--i-know-this-is-open: only with --noauth" : "";
  }
  if (config.instance_authentication) return "--noauth: nothing is left for --inauth to do";
  for (const std::string& listen : config.listen) {
    const auto address = parse_listen_address(listen);
    if (config.known_to_be_open || (address.ok() && is_on_this_host_only(*address))) continue;
    return "--noauth: whoever can connect to '" + listen +
           "' could log in; listen on a loopback address (127.0.0.1:2222), or add "
           "--i-know-this-is-open";
  }
  config.auth_chains = AuthenticationChains::any_of(std::array{AuthMethod::kNone});
  return {};
}

}  // namespace ssh2incus
