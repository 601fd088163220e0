// libssh's log lines to the monitor, when the administrator has asked for debugging. They quote
// the network.
#pragma once

#include "sessiond/monitor_client.h"

namespace ssh2incus {

// monitor outlives all use of libssh.
void send_debug_log_to(MonitorClient& monitor);

}  // namespace ssh2incus
