// Requests to and notices from the monitor; see monitor_client.h.
#include "sessiond/monitor_client.h"

#include <algorithm>

namespace ssh2incus {
namespace {

bool has_right_fds(ipc::SessionMessage kind, std::size_t count) {
  if (kind == ipc::SessionMessage::kTargetReadyNotice) return count == 4;
  if (kind == ipc::SessionMessage::kPlainOpenedNotice) {
    return count == kPlainSockets || count == kPlainTerminalSockets;
  }
  return count == 0;
}

}  // namespace

Result<ipc::Packet> MonitorClient::receive_packet() {
  std::optional<ipc::Packet> packet = TRY(channel_.receive());
  if (!packet) return fail("the monitor has gone");
  return std::move(*packet);
}

Result<ipc::Packet> MonitorClient::receive_reply(ipc::SessionMessage wanted) {
  for (;;) {
    ipc::Packet packet = TRY(receive_packet());
    if (ipc::kind_of<ipc::SessionMessage>(packet.bytes) == wanted) {
      if (!packet.fds.empty()) return fail("a reply with file descriptors");
      return packet;
    }
    TRY(keep_notice(std::move(packet)));
  }
}

Status MonitorClient::receive_notice() { return keep_notice(TRY(receive_packet())); }

template <typename Notice>
Status MonitorClient::keep(const ipc::Packet& packet) {
  notices_.emplace_back(TRY(ipc::decode<Notice>(packet.bytes)));
  return {};
}

Status MonitorClient::keep_ready(ipc::Packet packet) {
  const auto notice = TRY(ipc::decode<ipc::TargetReadyNotice>(packet.bytes));
  TargetReady ready;
  std::ranges::move(packet.fds, ready.sockets.begin());
  ready.description = *notice.description;
  ready.idle_limit_seconds = notice.idle_limit_seconds;
  ready.silence_limit_seconds = notice.silence_limit_seconds;
  ready.welcome = *notice.welcome;
  ready.raw = notice.raw;
  notices_.emplace_back(std::move(ready));
  return {};
}

Status MonitorClient::keep_notice(ipc::Packet packet) {
  using Kind = ipc::SessionMessage;
  const auto kind = ipc::kind_of<Kind>(packet.bytes);
  if (!kind) return fail("an unknown message of the monitor");
  if (!has_right_fds(*kind, packet.fds.size())) return fail("wrong number of fds from the monitor");
  switch (*kind) {
    case Kind::kTargetProgressNotice: return keep<ipc::TargetProgressNotice>(packet);
    case Kind::kTargetReadyNotice: return keep_ready(std::move(packet));
    case Kind::kTargetFailedNotice: return keep<ipc::TargetFailedNotice>(packet);
    case Kind::kShutdownNotice: return keep<ipc::ShutdownNotice>(packet);
    case Kind::kPlainReadyNotice: return keep<ipc::PlainReadyNotice>(packet);
    case Kind::kPlainOpenedNotice: {
      const auto notice = TRY(ipc::decode<ipc::PlainOpenedNotice>(packet.bytes));
      notices_.emplace_back(PlainOpened{notice.stream, std::move(packet.fds)});
      return {};
    }
    case Kind::kPlainFailedNotice: return keep<ipc::PlainFailedNotice>(packet);
    case Kind::kPlainExitedNotice: return keep<ipc::PlainExitedNotice>(packet);
    case Kind::kConsoleReadyNotice: return keep<ipc::ConsoleReadyNotice>(packet);
    case Kind::kConsoleOutputNotice: return keep<ipc::ConsoleOutputNotice>(packet);
    case Kind::kConsoleEndNotice: return keep<ipc::ConsoleEndNotice>(packet);
    default: return fail("a message that the monitor doesn't send now");
  }
}

bool MonitorClient::must_end() const {
  return std::ranges::any_of(notices_, [](const MonitorNotice& notice) {
    return std::holds_alternative<ipc::ShutdownNotice>(notice);
  });
}

std::optional<MonitorNotice> MonitorClient::next_notice() {
  if (notices_.empty()) return std::nullopt;
  MonitorNotice notice = std::move(notices_.front());
  notices_.pop_front();
  return notice;
}

}  // namespace ssh2incus
