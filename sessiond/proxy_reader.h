// Reads a PROXY header off a connection that has just been accepted, and nothing that follows it.
#pragma once

#include "common/ipc_sessiond.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace ssh2incus {

// Within limits::kProxyHeaderMs. Gives up as soon as monitor_fd is readable, which nothing but the
// monitor's end makes it then.
Result<ipc::ProxyHeaderRequest> read_proxy_header(const UniqueFd& connection, int monitor_fd);

}  // namespace ssh2incus
