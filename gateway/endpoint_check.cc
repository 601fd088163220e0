// incusd answers GET /1.0 for anybody and says whether it trusts who asks.
#include "gateway/endpoint_check.h"

#include "gateway/incus_answer.h"

namespace ssh2incus {

Outcome<Done> check_endpoint(IncusClient& client, const Patience& patience) {
  const auto reply = TRY_OUTCOME(client.request({}, patience.at_most(limits::kEndpointCheckMs)));
  const std::string where = "Incus at " + client.place();
  if (!reply.ok()) {
    return Failure{TargetFailure::kIncusError,
                   where + " said: " + interpret_error(reply.status, reply.body)};
  }
  const auto trusted = interpret_server(reply.body);
  if (!trusted.ok()) {
    return Failure{TargetFailure::kIncusError,
                   where + " gave no proper answer: " + trusted.error().message};
  }
  if (!*trusted) {
    return Failure{TargetFailure::kIncusError,
                   where + " doesn't trust this server's client certificate"};
  }
  return Done{};
}

}  // namespace ssh2incus
