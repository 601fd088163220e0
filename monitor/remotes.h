// The remotes of the Incus client that root has, as the gateway needs them: read at the start, at a
// reload and for --check, from root's and the global configuration. What a single remote lacks is
// no error of the server's: it says so to who logs in there.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/ipc_endpoint.h"
#include "common/result.h"
#include "common/secret.h"
#include "monitor/gateway_launcher.h"
#include "monitor/server_config.h"
#include "policy/remotes.h"

namespace ssh2incus {

// PEM, empty where there is none.
struct RemoteCredentials {
  std::string server_certificate;
  std::string authorities;
  std::string client_certificate;
  Secret client_key;
};

struct RemoteTable {
  Remotes remotes;
  std::map<std::string, RemoteCredentials> credentials;  // of https remotes
  // "remote NAME: why it can't be used", of those that look as if they were meant to.
  std::vector<std::string> problems;

  // Forgets the keys, in a process that need not have them.
  void wipe();
};

// Where the client's configuration is: $INCUS_CONF or root's, and the global one.
struct ClientDirectories {
  std::string own;
  std::string global;
};
Result<ClientDirectories> client_directories();

// An error: a file that can't be trusted or understood, or a default remote that can't be used.
Result<std::shared_ptr<RemoteTable>> open_remotes(const ServerConfig& config,
                                                  const ClientDirectories& directories);
Result<std::shared_ptr<RemoteTable>> open_remotes(const ServerConfig& config);

// Those of the configuration in force.
Remotes remotes_of(const ServerConfig& config);
// For the gateway; the remote must be one that can be used.
ipc::IncusEndpoint endpoint_of(const ServerConfig& config, const std::string& name);

// By name, for remotes that can be used: which group or network a gateway is to have.
std::map<std::string, GatewayIdentity> gateways_of(const ServerConfig& config,
                                                   const GatewayIdentity& identity);

}  // namespace ssh2incus
