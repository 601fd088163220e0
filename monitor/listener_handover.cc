// Both sides of a listener's replacement by another, see monitor/ipc_takeover.h: as the old one,
// and as the new one. Only root's processes are heard; connections that are there stay what they
// are.
#include <sys/socket.h>

#include <array>

#include "monitor/listener.h"

namespace ssh2incus {
namespace {

constexpr int kRequestMs = 1'000;    // the other side sends it at once
constexpr int kHandOverMs = 10'000;  // for each of its messages

BoundedBytes<16> bytes_of(const std::optional<IpAddress>& source) {
  if (!source) return {};
  const auto bytes = source->bytes();
  return Bytes(bytes.begin(), bytes.end());
}

}  // namespace

void Listener::accept_successor() {
  UniqueFd connection(accept4(control_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection.valid() || !is_roots(connection.get()) || successor_) return;
  ipc::IpcChannel channel(std::move(connection));
  channel.limit_sending(kHandOverMs);
  const auto request = channel.receive_message<TakeoverRequest>(kRequestMs);
  if (!request.ok() || !offer_sockets(channel).ok()) return;
  successor_.emplace(std::move(channel));
}

Status Listener::offer_sockets(ipc::IpcChannel& successor) const {
  std::uint32_t count = 0;
  for (const UniqueFd& socket : sockets_) {
    TRY(successor.send(ListeningSocketNotice{count++}, std::array{socket.get()}));
  }
  for (const UniqueFd* socket : {&control_, &diagnostics_socket_}) {
    if (!socket->valid()) continue;
    TRY(successor.send(ListeningSocketNotice{count++}, std::array{socket->get()}));
  }
  return successor.send(SocketsEndNotice{count});
}

// It is ready, or it has given up.
void Listener::serve_successor() {
  const auto ready = successor_->receive_message<TakeoverReadyNotice>(0);
  if (!ready.ok()) {
    successor_.reset();
    return;
  }
  // One that speaks another version learns nothing of the connections; they go on by themselves.
  const bool same = ready->version == kTakeoverVersion;
  const Status done = same ? hand_over(*successor_) : successor_->send(HandedOverNotice{0});
  log_.write(LogLevel::kNotice, "handed_over",
             {{"connections", static_cast<std::uint64_t>(same ? children_.size() : 0)},
              {"result", done.ok() ? "complete" : done.error().message}});
  stop_ = true;
}

Status Listener::hand_over(ipc::IpcChannel& successor) const {
  std::uint32_t count = 0;
  for (const auto& [number, child] : children_) {
    if (!child.notices_open) continue;
    const ConnectionNotice notice{static_cast<std::uint32_t>(child.pid), bytes_of(child.source),
                                  truncated<64>(child.connection), child.source_awaited,
                                  child.logged_in};
    TRY(successor.send(notice, std::array{child.notices.fd()}));
    ++count;
  }
  return successor.send(HandedOverNotice{count});
}

void Listener::take_over(Predecessor predecessor) {
  const Status adopted = adopt(predecessor);
  log_.write(adopted.ok() ? LogLevel::kNotice : LogLevel::kWarning, "taken_over",
             {{"connections", static_cast<std::uint64_t>(children_.size())},
              {"result", adopted.ok() ? "complete" : adopted.error().message}});
}

Status Listener::adopt(Predecessor& predecessor) {
  TRY(predecessor.channel.send(TakeoverReadyNotice{}));
  for (;;) {
    auto packet = TRY(predecessor.channel.receive(kHandOverMs));
    if (!packet) return fail("the predecessor has ended");
    if (const auto end = ipc::decode<HandedOverNotice>(packet->bytes); end.ok()) {
      return end->count == children_.size() ? Status() : fail("connections are missing");
    }
    const auto notice = TRY(ipc::decode<ConnectionNotice>(packet->bytes));
    if (packet->fds.size() != 1) return fail("a connection without its channel");
    Child child{ipc::IpcChannel(std::move(packet->fds.front())), static_cast<pid_t>(notice.pid),
                IpAddress::of_bytes(*notice.source), *notice.id, notice.source_awaited};
    child.logged_in = notice.logged_in;
    child.adopted = true;
    if (!child.logged_in) source_startups_.try_add(child.source);
    add_child(std::move(child));
  }
}

}  // namespace ssh2incus
