// Starts ssh2incus-gateway with the one channel that it needs and capabilities that suffice to shed
// its privileges. Runs in the attendant.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "common/ipc_channel.h"
#include "common/result.h"

namespace ssh2incus {

struct GatewayIdentity {
  std::string program;  // path of ssh2incus-gateway
  uid_t uid = 0;        // never 0: refused
  gid_t gid = 0;
  gid_t supplementary_gid = 0;  // the group that may use incusd's socket
  // Of the https remote that it may reach instead of any socket; empty: none.
  std::string host{};
  std::uint16_t port = 0;
};

// From the account database: the user ssh2incus-gateway, and the group that owns incus_socket if
// it's there, else incus-admin; without an incus_socket none. The listener calls it once; the error
// says what to install.
Result<GatewayIdentity> find_gateway_identity(const std::string& program,
                                              const std::string& incus_socket,
                                              const std::string& user = "ssh2incus-gateway");

struct LaunchedGateway {
  pid_t pid = -1;
  ipc::IpcChannel channel;
};

// It isn't killed when its parent ends; it ends when its channel does.
Result<LaunchedGateway> launch_gateway(const GatewayIdentity& identity);

}  // namespace ssh2incus
