// The gateway's conversation with the monitor once no guest can run: sessions on request, until the
// monitor has gone. A request out of order ends the process.
#pragma once

#include <cstdint>
#include <set>

#include "common/ipc_channel.h"
#include "common/ipc_gateway.h"
#include "gateway/plain_exec.h"

namespace ssh2incus {

class PlainService {
 public:
  PlainService(ipc::IpcChannel& monitor, PlainExec exec)
      : monitor_(monitor), exec_(std::move(exec)) {}

  Status run();

 private:
  Result<bool> wait_for_request();
  Status on_request(const ipc::Packet& packet);
  Status on_exec(const ipc::ExecRequest& request);
  Status on_status(const ipc::ExecStatusRequest& request);
  // Of the programs whose end is waited for.
  Status look_at_ends();
  [[nodiscard]] Patience patience() const;

  ipc::IpcChannel& monitor_;
  PlainExec exec_;
  std::uint32_t last_stream_ = 0;
  std::set<std::uint32_t> ending_;  // how they have ended was asked and is not known
  int pause_ms_ = 0;                // before the next look at them
};

}  // namespace ssh2incus
