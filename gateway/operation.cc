// See operation.h.
#include "gateway/operation.h"

namespace ssh2incus {
namespace {

constexpr int kPollMs = 200;

Failure no_sense(const std::string& what) {
  return {TargetFailure::kIncusError, "Incus gave no proper answer: " + what};
}

}  // namespace

// Waiting answers with the operation or with its error, and with an error too when the wait itself
// is over; the operation knows which it was.
Outcome<OperationResult> finish_operation(IncusClient& client, const std::string& operation,
                                          const Patience& patience) {
  const ApiPath path = ApiPath().part("operations").part(operation);
  for (;;) {
    // Shorter than the limit of one request.
    HttpRequest wait{.path = ApiPath(path).part("wait")};
    wait.path.query("timeout", "10");
    TRY_OUTCOME(client.request(wait, patience));
    const auto reply = TRY_OUTCOME(client.request({.path = path}, patience));
    if (!reply.ok())
      return OperationResult{true, false, interpret_error(reply.status, reply.body), {}, {}};
    auto result = interpret_operation(reply.body);
    if (!result.ok()) return no_sense(result.error().message);
    if (result->finished) return std::move(result).value();
    TRY_OUTCOME(patience.sleep(kPollMs));
  }
}

Outcome<OperationResult> run_operation(IncusClient& client, const HttpRequest& request,
                                       const Patience& patience) {
  const auto reply = TRY_OUTCOME(client.request(request, patience));
  if (!reply.ok()) {
    return OperationResult{true, false, interpret_error(reply.status, reply.body), {}, {}};
  }
  const auto operation = interpret_operation_id(reply.body);
  if (!operation.ok()) return no_sense(operation.error().message);
  return finish_operation(client, *operation, patience);
}

}  // namespace ssh2incus
