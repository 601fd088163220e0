// One connection, in the process that the listener forked for it: starts the attendant and
// sessiond, gives up privileges step by step, and runs the monitor.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "common/log.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "monitor/connection_end.h"
#include "monitor/connection_table.h"
#include "monitor/gateway_launcher.h"
#include "monitor/host_keys.h"
#include "monitor/key_command.h"
#include "monitor/key_sources.h"
#include "monitor/monitor.h"
#include "monitor/server_config.h"
#include "monitor/sessiond_launcher.h"

namespace ssh2incus {

// What connections need of the system, looked up once by the listener.
struct ConnectionSetup {
  SessiondIdentity sessiond;
  GatewayIdentity gateway;
  std::optional<KeyCommand> key_command;
  std::shared_ptr<ConnectionTable> connections;
  std::shared_ptr<UniqueFd> shell_starter;  // none: there is no Incus shell
};

// The command of --authorized-keys-command, if there is one.
Result<std::optional<KeyCommand>> prepare_key_command(const ServerConfig& config);

// Which files authorise keys.
KeySources key_sources_of(const ServerConfig& config);

// Looks up the users and groups and makes the empty root directory; errors say what to do.
Result<ConnectionSetup> prepare_connections(const ServerConfig& config);

// Runs the connection to its end. host_keys is wiped in every child but the monitor.
ConnectionEnd run_connection(const ServerConfig& config, const ConnectionSetup& setup,
                             HostKeys& host_keys, ConnectionInfo info, const Log& log,
                             UniqueFd connection, ipc::IpcChannel listener_channel);

}  // namespace ssh2incus
