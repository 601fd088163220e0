// Waiting for what a request to Incus has started.
#pragma once

#include <string>

#include "gateway/incus_answer.h"
#include "gateway/incus_client.h"

namespace ssh2incus {

// Until the operation has finished, well or badly. One that Incus has forgotten has failed.
Outcome<OperationResult> finish_operation(IncusClient& client, const std::string& operation,
                                          const Patience& patience);

// Sends the request and waits for the operation that it starts. The result of a refused request has
// its reason.
Outcome<OperationResult> run_operation(IncusClient& client, const HttpRequest& request,
                                       const Patience& patience);

}  // namespace ssh2incus
