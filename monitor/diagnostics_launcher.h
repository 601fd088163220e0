// Starts the diagnostics process (--pprof).
#pragma once

#include <sys/types.h>

#include <string>

#include "common/ipc_channel.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "monitor/sessiond_launcher.h"

namespace ssh2incus {

struct LaunchedDiagnostics {
  pid_t pid = -1;
  ipc::IpcChannel channel;  // common/ipc_diagnostics.h
};

// identity: sessiond's, whose user and empty root it has. socket: to accept on.
Result<LaunchedDiagnostics> launch_diagnostics(const SessiondIdentity& identity,
                                               const std::string& program, const UniqueFd& socket);

}  // namespace ssh2incus
