// The gateway's conversation with the monitor: perhaps questions about keys and passwords first,
// then one grant to carry out, and where no guest can run, what PlainService does; or else what
// InventoryService does. A request out of
// order ends the process.
#pragma once

#include <optional>

#include "common/ipc_channel.h"
#include "gateway/incus_client.h"
#include "gateway/instance_authentication.h"
#include "gateway/open_target.h"
#include "gateway/outcome.h"

namespace ssh2incus {

class GatewayService {
 public:
  // client: or why there is none, for the monitor to hear.
  GatewayService(ipc::IpcChannel& monitor, Result<IncusClient>& client)
      : monitor_(monitor), client_(client) {}

  // Until a grant has been carried out, or the monitor has gone.
  Status run();

 private:
  // Of the listener's: whether Incus answers.
  Status on_check(const ipc::CheckRequest& request);
  Status on_auth_grant(ipc::AuthGrant grant);
  Status on_key(const ipc::InstanceKeyRequest& request);
  Status on_password(const ipc::InstancePasswordRequest& request);
  // False: refused, and nothing can follow.
  Result<bool> on_resolve(const ipc::ResolveRequest& request);
  Status on_open(const ipc::OpenRequest& request);
  Status on_inventory(ipc::Packet request);
  // Where no guest can run.
  Status stay(const ipc::OpenRequest& request, const OpenedTarget& opened,
              const Patience& patience);
  Status carry_streams();
  Status refuse(const Failure& failure);
  [[nodiscard]] Failure no_client() const;
  [[nodiscard]] bool is_other_target(const auto& request) const;
  [[nodiscard]] Patience for_questions() const;

  ipc::IpcChannel& monitor_;
  Result<IncusClient>& client_;
  // Present once a grant for questions has come; an error where it can't be used.
  std::optional<Result<InstanceAuthentication>> authentication_;
};

}  // namespace ssh2incus
