// Answers what access rules ask of an instance before it is opened: its labels. The request comes
// from the monitor; its names are validated again all the same.
#pragma once

#include "common/ipc_gateway.h"
#include "gateway/incus_client.h"
#include "gateway/outcome.h"
#include "gateway/patience.h"

namespace ssh2incus {

Outcome<ipc::ResolveReply> resolve_target(IncusClient& client, const ipc::ResolveRequest& request,
                                          const Patience& patience);

}  // namespace ssh2incus
