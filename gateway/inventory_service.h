// The gateway's conversation with the monitor for %list and %rm, until the monitor has gone. A
// request out of order ends the process.
#pragma once

#include "common/ipc_channel.h"
#include "gateway/inventory.h"

namespace ssh2incus {

class InventoryService {
 public:
  InventoryService(ipc::IpcChannel& monitor, IncusClient& client)
      : monitor_(monitor), inventory_(client) {}

  // first: the request that has led here.
  Status run(ipc::Packet first);

 private:
  Status on_request(const ipc::Packet& packet);
  Status on_list(const ipc::ListRequest& request);
  Status refuse(const Failure& failure);

  ipc::IpcChannel& monitor_;
  Inventory inventory_;
};

}  // namespace ssh2incus
