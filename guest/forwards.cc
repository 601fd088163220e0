// See forwards.h.
#include "guest/forwards.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace ssh2incus::guest {
namespace {

constexpr std::uint16_t kFirstDisplay = 10;  // as sshd's X11DisplayOffset
constexpr std::uint16_t kDisplays = 1000;
constexpr std::uint16_t kDisplayPorts = 6000;
constexpr std::size_t kMaxDisplays = 64;
constexpr std::ptrdiff_t kMaxLookups = 32;  // processes at once

}  // namespace

bool Forwards::is_full() const {
  const std::size_t most = std::min(grant_.max_connections, limits::kMaxForwardedConnections);
  if (connections_.size() < most) return false;
  // Those that have just ended are still there.
  const auto live = std::ranges::count_if(
      connections_, [](const auto& entry) { return !entry.second.is_over(); });
  return static_cast<std::size_t>(live) >= most;
}

Status Forwards::open_connection(std::uint32_t stream, std::span<const std::uint8_t> payload) {
  auto wish = TRY(ipc::decode_fields<OpenConnection>(payload));
  if (is_full()) {
    output_.send_message(
        FrameType::kOpenFailed, stream,
        OpenFailed{std::string("too many forwarded connections"), OpenFailure::kResourceShortage});
    return {};
  }
  auto [entry, added] =
      connections_.try_emplace(stream, stream, output_, Connector(grant_, std::move(wish)));
  if (entry->second.needs_lookup()) {
    waiting_.push_back(stream);
    begin_waiting();
  } else {
    entry->second.advance();
  }
  return {};
}

void Forwards::begin_waiting() {
  while (!waiting_.empty()) {
    const auto lookups = std::ranges::count_if(
        connections_, [](const auto& entry) { return entry.second.looks_up(); });
    if (lookups >= kMaxLookups) return;
    const auto found = connections_.find(waiting_.front());
    waiting_.pop_front();
    if (found != connections_.end()) found->second.advance();
  }
}

Status Forwards::open_listener(std::uint32_t stream, std::span<const std::uint8_t> payload) {
  const auto wish = TRY(ipc::decode_fields<OpenListener>(payload));
  if (listeners_.size() >= std::min(grant_.max_listeners, limits::kMaxListeners)) {
    output_.send_message(
        FrameType::kOpenFailed, stream,
        OpenFailed{std::string("too many listeners"), OpenFailure::kResourceShortage});
    return {};
  }
  auto outcome = Listener::open(grant_, wish);
  if (const auto* failed = std::get_if<OpenFailed>(&outcome)) {
    output_.send_message(FrameType::kOpenFailed, stream, *failed);
    return {};
  }
  auto& listener = std::get<Listener>(outcome);
  output_.send_message(FrameType::kListening, stream, Listening{listener.port()});
  listeners_.try_emplace(stream, std::move(listener));
  return {};
}

Status Forwards::take(const FrameEvent& event) {
  const auto found = connections_.find(event.header.stream);
  if (found != connections_.end()) return take_for_connection(found->second, event);
  if (event.header.type != FrameType::kClose) return fail("unexpected frame for a listener");
  listeners_.erase(event.header.stream);
  return {};
}

Status Forwards::take_for_connection(Connection& connection, const FrameEvent& event) {
  switch (event.header.type) {
    case FrameType::kData: return connection.take_data(event.payload);
    case FrameType::kEof: return connection.take_eof();
    case FrameType::kWindowAdjust:
      return connection.add_credit(TRY(ipc::decode_fields<WindowAdjust>(event.payload)));
    case FrameType::kClose: connection.give_up(); return {};
    default: return fail("unexpected frame for a connection");
  }
}

Result<std::string> Forwards::share_agent(std::uint32_t session) {
  if (!grant_.agent) return fail("agent forwarding is not allowed here");
  if (!agent_) {
    agent_.emplace(TRY(AgentSocket::create()));
    agent_session_ = session;
  }
  return agent_->path();
}

Result<unsigned> Forwards::open_display(std::uint32_t session, const X11Request& request) {
  if (!grant_.x11) return fail("X11 forwarding is not allowed here");
  if (displays_.size() >= kMaxDisplays) return fail("too many displays");
  Error error = fail("no free display");
  for (std::uint16_t number = kFirstDisplay; number < kFirstDisplay + kDisplays; ++number) {
    auto listener = Listener::on_loopback(static_cast<std::uint16_t>(kDisplayPorts + number));
    if (!listener.ok()) {
      error = listener.error();
      continue;
    }
    displays_.try_emplace(session, Display{std::move(listener).value(), request.single_connection});
    return number;
  }
  return error;
}

std::vector<Forwards::Interest> Forwards::interests(bool may_read) const {
  std::vector<Interest> interests;
  interests.reserve(connections_.size());
  for (const auto& [stream, connection] : connections_) {
    const short events = connection.events(may_read);
    if (events != 0) interests.push_back({connection.fd(), events, stream});
  }
  if (!may_read || is_full() || out_of_descriptors_) return interests;  // the backlog waits
  const auto add = [&](const Listener& listener, std::uint32_t stream) {
    for (const auto& socket : listener.sockets()) {
      interests.push_back({socket.get(), POLLIN, stream});
    }
  };
  for (const auto& [stream, listener] : listeners_) add(listener, stream);
  for (const auto& [stream, display] : displays_) add(display.listener, stream);
  if (agent_) add(agent_->listener(), kAgentStream);
  return interests;
}

void Forwards::handle(std::uint32_t stream, short revents, std::span<std::uint8_t> scratch) {
  if (const auto found = connections_.find(stream); found != connections_.end()) {
    found->second.handle(revents, scratch);
    return;
  }
  if (is_full()) return;
  if (const auto found = listeners_.find(stream); found != listeners_.end()) {
    accept_from(found->second, AcceptedKind::kForwarded, stream);
  } else if (const auto display = displays_.find(stream); display != displays_.end()) {
    const bool taken = accept_from(display->second.listener, AcceptedKind::kX11, stream);
    if (taken && display->second.single_connection) displays_.erase(display);
  } else if (stream == kAgentStream && agent_) {
    accept_from(agent_->listener(), AcceptedKind::kAgent, agent_session_);
  }
}

bool Forwards::accept_from(const Listener& listener, AcceptedKind kind, std::uint32_t stream) {
  if (next_accepted_ == 0xffffffff) return false;
  errno = 0;
  auto peer = listener.accept();
  if (!peer) {
    out_of_descriptors_ = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
    return false;
  }
  const std::uint32_t number = next_accepted_++;
  output_.send_message(FrameType::kAccepted, number,
                       Accepted{.kind = kind,
                                .listener = stream,
                                .originator_address = truncated<64>(peer->address),
                                .originator_port = peer->port});
  connections_.try_emplace(number, number, output_, std::move(peer->socket));
  return true;
}

std::optional<Connector::Clock::time_point> Forwards::deadline() const {
  std::optional<Connector::Clock::time_point> earliest;
  for (const auto& [stream, connection] : connections_) {
    const auto deadline = connection.deadline();
    if (deadline && (!earliest || *deadline < *earliest)) earliest = deadline;
  }
  return earliest;
}

void Forwards::check_deadlines() {
  const auto now = Connector::Clock::now();
  for (auto& [stream, connection] : connections_) {
    const auto deadline = connection.deadline();
    if (deadline && *deadline <= now) connection.on_deadline();
  }
  begin_waiting();
}

void Forwards::forget_finished(std::vector<pid_t>& children) {
  for (auto entry = connections_.begin(); entry != connections_.end();) {
    if (const pid_t child = entry->second.take_child(); child > 0) children.push_back(child);
    if (!entry->second.is_over()) {
      ++entry;
      continue;
    }
    entry = connections_.erase(entry);
    out_of_descriptors_ = false;
  }
}

}  // namespace ssh2incus::guest
