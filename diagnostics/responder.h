// Answers HTTP requests, one per connection, from numbers that it asks the listener for. Peers may
// be slow, many and hostile: their number, time and bytes are bounded.
#pragma once

#include <poll.h>

#include <chrono>
#include <string>
#include <vector>

#include "common/ipc_channel.h"
#include "common/ipc_diagnostics.h"
#include "common/unique_fd.h"
#include "diagnostics/http_request.h"

namespace ssh2incus {

class Responder {
 public:
  Responder(ipc::IpcChannel listener, UniqueFd socket)
      : listener_(std::move(listener)), socket_(std::move(socket)) {}

  // Until the listener has gone.
  Status run();

 private:
  using Clock = std::chrono::steady_clock;
  struct Peer {
    UniqueFd fd;
    Clock::time_point end;
    std::string request;
    std::string answer;  // what is left of it; empty: not asked yet
  };

  void accept_peer();
  // False: done with it.
  bool serve(Peer& peer);
  bool read_request(Peer& peer);
  bool write_answer(Peer& peer);
  std::string answer_to(const HttpAsk& ask);
  Result<ipc::SnapshotReply> snapshot();
  [[nodiscard]] int next_end_ms() const;

  ipc::IpcChannel listener_;
  UniqueFd socket_;
  std::vector<Peer> peers_;
  bool listener_gone_ = false;
};

}  // namespace ssh2incus
