// Numbers of the listener as Prometheus's text format (version 0.0.4). A pure function.
#pragma once

#include <string>

#include "common/ipc_diagnostics.h"

namespace ssh2incus {

std::string exposition(const ipc::SnapshotReply& snapshot);

}  // namespace ssh2incus
