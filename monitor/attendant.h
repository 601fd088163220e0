// The attendant: a child of one connection's monitor that does what needs privileges until the
// gateway runs: looks up the user, has key files read as that user and the administrator's command
// asked for keys, has PAM check the account, starts the gateway. Serves the monitor by the table of
// monitor/ipc_attendant.h; what users, NSS and PAM give it is bounded and passed on, never acted
// upon.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "common/ipc_channel.h"
#include "common/result.h"
#include "monitor/account_check.h"
#include "monitor/gateway_launcher.h"
#include "monitor/key_command.h"
#include "monitor/key_reader.h"

namespace ssh2incus {

struct AttendantConfig {
  // The first thing that the attendant does: HostKeys::wipe(), and whatever else it need not know.
  std::function<void()> wipe_secrets;
  KeySources key_sources;
  std::optional<KeyCommand> key_command;
  AccountCheckConfig account;
  bool password_authentication = false;             // PAM's modules may write
  std::map<std::string, GatewayIdentity> gateways;  // by the name of the remote
  int shell_starter = -1;                // monitor/shell_starter.h; -1: there is no Incus shell
  bool instance_authentication = false;  // a gateway may be started before a login
};

struct SpawnedAttendant {
  pid_t pid = -1;
  ipc::IpcChannel channel;
};

// Forks the attendant from the calling process (the monitor, single-threaded, root). The child is
// killed when the caller ends.
Result<SpawnedAttendant> spawn_attendant(const AttendantConfig& config);

// The child's part: closes every other fd, gives up capabilities, loads its filter, serves.
[[noreturn]] void run_attendant(ipc::IpcChannel channel, const AttendantConfig& config,
                                pid_t monitor);

}  // namespace ssh2incus
