// sessiond's side of the boundary to the monitor (common/ipc_sessiond.h): requests wait for their
// reply, the monitor's notices are kept in order until they are asked for. The monitor is trusted;
// an error here means that it is gone or that we differ in version, and ends the process.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "common/ipc_channel.h"
#include "common/ipc_console.h"
#include "common/ipc_plain.h"
#include "common/ipc_sessiond.h"

namespace ssh2incus {

struct TargetReady {
  std::array<UniqueFd, 4> sockets;
  std::string description;
  std::uint32_t idle_limit_seconds = 0;
  std::uint32_t silence_limit_seconds = 0;
  std::string welcome;
  bool raw = false;  // no websockets
};

struct PlainOpened {
  std::uint32_t stream = 0;
  std::vector<UniqueFd> sockets;
};

using MonitorNotice =
    std::variant<ipc::TargetProgressNotice, TargetReady, ipc::TargetFailedNotice,
                 ipc::ShutdownNotice, ipc::PlainReadyNotice, PlainOpened, ipc::PlainFailedNotice,
                 ipc::PlainExitedNotice, ipc::ConsoleReadyNotice, ipc::ConsoleOutputNotice,
                 ipc::ConsoleEndNotice>;

class MonitorClient {
 public:
  explicit MonitorClient(ipc::IpcChannel channel) : channel_(std::move(channel)) {}

  template <typename Reply, typename Request>
  Result<Reply> call(const Request& request) {
    TRY(channel_.send(request));
    const ipc::Packet packet = TRY(receive_reply(Reply::kKind));
    return ipc::decode<Reply>(packet.bytes);
  }

  template <typename Notice>
  Status notify(const Notice& notice) {
    return channel_.send(notice);
  }

  // Reads one packet, which poll() has announced. The monitor's end is an error.
  Status receive_notice();
  std::optional<MonitorNotice> next_notice();
  // Whether the notices that have been read tell us to end.
  [[nodiscard]] bool must_end() const;

  [[nodiscard]] int fd() const { return channel_.fd(); }

 private:
  Result<ipc::Packet> receive_packet();
  Result<ipc::Packet> receive_reply(ipc::SessionMessage wanted);
  Status keep_notice(ipc::Packet packet);
  Status keep_ready(ipc::Packet packet);
  template <typename Notice>
  Status keep(const ipc::Packet& packet);

  ipc::IpcChannel channel_;
  std::deque<MonitorNotice> notices_;
};

}  // namespace ssh2incus
