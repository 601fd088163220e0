// See plain_service.h. One thing at a time: a program is started in some 20 ms, and who waits are
// the sessions of one connection.
#include "gateway/plain_service.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "common/limits.h"
#include "gateway/sandbox.h"

namespace ssh2incus {
namespace {

constexpr int kFirstPauseMs = 10;
constexpr int kLongestPauseMs = 2000;  // Incus remembers how a program has ended for 5 s

}  // namespace

Patience PlainService::patience() const {
  return Patience::beside_requests(monitor_.fd(), limits::kPlainExecMs).with(exec_.pump());
}

// False: it's time to look at ends.
Result<bool> PlainService::wait_for_request() {
  const auto end = Patience::Clock::now() + std::chrono::milliseconds(pause_ms_);
  for (;;) {
    int left = -1;
    if (!ending_.empty()) {
      const auto rest = std::chrono::ceil<std::chrono::milliseconds>(end - Patience::Clock::now());
      left = static_cast<int>(std::max<long>(rest.count(), 0));
    }
    const PumpWait waited = TRY(wait_with_pump(monitor_.fd(), exec_.pump(), left));
    if (waited == PumpWait::kMonitor) return true;
    if (waited == PumpWait::kTimeout || left == 0) return false;
  }
}

Status PlainService::run() {
  for (;;) {
    TRY(renew_processor_time());
    if (TRY(wait_for_request())) {
      const auto packet = TRY(monitor_.receive());
      if (!packet) return {};
      TRY(on_request(*packet));
    }
    TRY(look_at_ends());
  }
}

Status PlainService::on_request(const ipc::Packet& packet) {
  if (!packet.fds.empty()) return fail("unexpected file descriptors");
  const auto kind = ipc::kind_of<ipc::GatewayMessage>(packet.bytes);
  if (kind == ipc::GatewayMessage::kExecRequest) {
    return on_exec(TRY(ipc::decode<ipc::ExecRequest>(packet.bytes)));
  }
  if (kind == ipc::GatewayMessage::kExecStatusRequest) {
    return on_status(TRY(ipc::decode<ipc::ExecStatusRequest>(packet.bytes)));
  }
  return fail("not a request");
}

Status PlainService::on_exec(const ipc::ExecRequest& request) {
  if (request.stream <= last_stream_) return fail("a stream that was used before");
  last_stream_ = request.stream;
  auto sockets = exec_.open(request.stream, request.program, patience());
  if (!sockets.ok()) {
    return monitor_.send(ipc::ExecFailedReply{
        request.stream, truncated<limits::kMaxUserMessage>(sockets.failure().text)});
  }
  std::vector<int> fds;
  for (const UniqueFd& socket : *sockets) fds.push_back(socket.get());
  return monitor_.send(ipc::ExecStartedReply{request.stream}, fds);
}

Status PlainService::on_status(const ipc::ExecStatusRequest& request) {
  // It may have been found at its end already, to make room.
  if (!exec_.is_known(request.stream)) {
    return monitor_.send(ipc::ExecEndedReply{request.stream, {}});
  }
  ending_.insert(request.stream);
  pause_ms_ = kFirstPauseMs;
  return {};
}

Status PlainService::look_at_ends() {
  const std::vector<std::uint32_t> streams(ending_.begin(), ending_.end());
  for (const std::uint32_t stream : streams) {
    std::optional<std::uint32_t> status;
    if (exec_.is_known(stream)) {
      auto state = exec_.state(stream, patience());
      if (state.ok() && !state->ended) continue;
      if (state.ok() && state->status) status = static_cast<std::uint32_t>(*state->status);
    }
    ending_.erase(stream);
    TRY(monitor_.send(ipc::ExecEndedReply{stream, status}));
  }
  pause_ms_ = std::min(pause_ms_ * 2, kLongestPauseMs);
  return {};
}

}  // namespace ssh2incus
