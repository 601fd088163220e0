// Whether an incusd answers and lets us in: one bounded GET /1.0. For health checks, and for saying
// why it refuses.
#pragma once

#include "gateway/incus_client.h"
#include "gateway/outcome.h"
#include "gateway/patience.h"

namespace ssh2incus {

// Of the endpoint that the client uses, within limits::kEndpointCheckMs.
Outcome<Done> check_endpoint(IncusClient& client, const Patience& patience);

}  // namespace ssh2incus
