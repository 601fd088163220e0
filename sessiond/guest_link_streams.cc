// The guest's streams, see guest_link.h. Every number that the guest sends is checked against what
// the stream's state allows: kinds in their order, data within the granted credit, credit without
// overflow.
#include <algorithm>

#include "common/check.h"
#include "sessiond/guest_link_impl.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMostQueuedAnswers = 4 * kMaxQueued;

}  // namespace

Status GuestLink::Impl::dispatch(const FrameEvent& event) {
  const std::uint32_t id = event.header.stream;
  if (event.header.type == FrameType::kPong && id == 0) return {};
  if (event.header.type == FrameType::kAccepted) return on_accepted(id, event);
  const bool known =
      id != 0 && (id < next_stream_ || (id >= kFirstAcceptedStream && id < next_accepted_));
  if (!known) return fail("unknown stream");
  GuestStream* stream = find(id);
  if (stream == nullptr) return {};  // over: what was on its way is dropped
  const FrameType answer =
      stream->kind == StreamKind::kListener ? FrameType::kListening : FrameType::kOpened;
  if (!stream->opened && event.header.type != answer &&
      event.header.type != FrameType::kOpenFailed) {
    return fail("frame before a stream was opened");
  }
  if (carries_raw_data(event.header.type)) return on_data(id, *stream, event);
  return on_message(id, *stream, event);
}

Status GuestLink::Impl::on_data(std::uint32_t id, GuestStream& stream, const FrameEvent& event) {
  if (stream.kind == StreamKind::kListener) return fail("data of a listener");
  if (stream.kind != StreamKind::kSession && event.header.type == FrameType::kExtendedData) {
    return fail("stderr of a connection");
  }
  if (stream.eof) return fail("data after the end of data");
  if (!stream.receive.deliver(event.payload.size())) return fail("more data than was granted");
  if (event.payload.empty()) return {};
  observer_.on_data(id, event.payload, event.header.type == FrameType::kExtendedData);
  return {};
}

Status GuestLink::Impl::on_message(std::uint32_t id, GuestStream& stream, const FrameEvent& event) {
  if (event.header.type == FrameType::kOpenFailed) {
    if (stream.opened) return fail("refusal of an open stream");
    const auto refusal = TRY(ipc::decode_fields<OpenFailed>(event.payload));
    streams_.erase(id);
    observer_.on_open_failed(id, refusal);
    return {};
  }
  if (stream.kind == StreamKind::kListener) return on_listener_message(id, stream, event);
  switch (event.header.type) {
    case FrameType::kOpened: {
      if (stream.opened) return fail("stream opened twice");
      const auto opened = TRY(ipc::decode_fields<Opened>(event.payload));
      stream.opened = true;
      observer_.on_opened(id, opened);
      return {};
    }
    case FrameType::kEof: return on_eof(id, stream);
    case FrameType::kWindowAdjust: return on_window_adjust(stream, event);
    default: break;
  }
  return stream.kind == StreamKind::kSession ? on_session_message(id, stream, event)
                                             : on_connection_message(id, stream, event);
}

Status GuestLink::Impl::on_eof(std::uint32_t id, GuestStream& stream) {
  if (stream.eof) return fail("data ended twice");
  stream.eof = true;
  forget_if_over(id);
  observer_.on_eof(id);
  return {};
}

Status GuestLink::Impl::on_session_message(std::uint32_t id, GuestStream& stream,
                                           const FrameEvent& event) {
  if (event.header.type != FrameType::kExited) return fail("unexpected frame");
  if (stream.exited) return fail("program ended twice");
  const auto exited = TRY(ipc::decode_fields<Exited>(event.payload));
  stream.exited = true;
  forget_if_over(id);
  observer_.on_exited(id, exited);
  return {};
}

Status GuestLink::Impl::on_connection_message(std::uint32_t id, GuestStream& /*stream*/,
                                              const FrameEvent& event) {
  if (event.header.type != FrameType::kClosed) return fail("unexpected frame");
  forget(id);
  observer_.on_closed(id);
  return {};
}

Status GuestLink::Impl::on_listener_message(std::uint32_t id, GuestStream& stream,
                                            const FrameEvent& event) {
  if (event.header.type != FrameType::kListening) return fail("unexpected frame");
  if (stream.opened) return fail("listening twice");
  const auto listening = TRY(ipc::decode_fields<Listening>(event.payload));
  stream.opened = true;
  observer_.on_listening(id, listening);
  return {};
}

// For a listener that we have closed meanwhile, the connection is closed too.
Status GuestLink::Impl::on_accepted(std::uint32_t id, const FrameEvent& event) {
  const auto accepted = TRY(ipc::decode_fields<Accepted>(event.payload));
  if (id < next_accepted_ || id == 0xffffffff) return fail("stream number used again");
  if (accepted.listener == 0 || accepted.listener >= next_stream_) {
    return fail("connection of an unknown listener");
  }
  next_accepted_ = id + 1;
  // Each may be answered by a frame: a guest that reads none of them makes no more.
  if (sockets_[kStdin].queued() > kMostQueuedAnswers) return fail("it reads nothing");
  // The agent serves the connection, whatever has become of the session that has asked for it.
  const bool of_agent = accepted.kind == AcceptedKind::kAgent;
  if (of_agent && !agent_asked_) return fail("connection to an agent that nobody has shared");
  const GuestStream* listener = find(accepted.listener);
  if (listener == nullptr && !of_agent) {
    send_frame(FrameType::kClose, id, {});
    return {};
  }
  const StreamKind kind =
      accepted.kind == AcceptedKind::kForwarded ? StreamKind::kListener : StreamKind::kSession;
  if (listener != nullptr) {
    const bool shows = accepted.kind != AcceptedKind::kX11 || listener->has_display;
    if (listener->kind != kind || !listener->opened || !shows) {
      return fail("connection of no listener");
    }
  }
  if (accepted_ >= limits::kMaxForwardedConnections) return fail("too many connections");
  GuestStream stream{.kind = StreamKind::kConnection, .opened = true};
  stream.receive.begin_without_credit();
  streams_.emplace(id, stream);
  ++accepted_;
  observer_.on_accepted(id, accepted);
  return {};
}

Status GuestLink::Impl::on_window_adjust(GuestStream& stream, const FrameEvent& event) {
  const auto adjust = TRY(ipc::decode_fields<WindowAdjust>(event.payload));
  stream.send_credit += adjust.bytes;
  if (stream.send_credit > kMaxSendCredit) return fail("credit overflow");
  return {};  // the flush after receiving tells the observer
}

void GuestLink::Impl::forget_if_over(std::uint32_t id) {
  const GuestStream* stream = find(id);
  if (stream != nullptr && stream->eof && stream->exited) streams_.erase(id);
}

bool GuestLink::Impl::forget(std::uint32_t id) {
  if (streams_.erase(id) == 0) return false;
  if (id >= kFirstAcceptedStream) --accepted_;
  return true;
}

std::size_t GuestLink::Impl::credit(const GuestStream& stream) const {
  const std::size_t queued = sockets_[kStdin].queued();
  const std::size_t room = queued < kMaxQueued ? kMaxQueued - queued : 0;
  return std::min<std::size_t>(room, stream.send_credit);
}

void GuestLink::Impl::send_frame(FrameType type, std::uint32_t id,
                                 std::span<const std::uint8_t> payload) {
  if (broken_) return;
  sockets_[kStdin].queue(encode_frame_header(type, id, payload.size()));
  sockets_[kStdin].queue(payload);
}

template <typename T>
std::uint32_t GuestLink::Impl::open(FrameType type, StreamKind kind, const T& request) {
  CHECK(next_stream_ < kFirstAcceptedStream);
  const std::uint32_t id = next_stream_++;
  if (broken_) return id;
  streams_.emplace(id, GuestStream{.kind = kind});
  send_message(type, id, request);
  return id;
}

std::uint32_t GuestLink::Impl::open_session(const OpenSession& request) {
  auto fitting = request;
  if (ipc::encode_fields(request).size() > limits::kMaxGuestFrame) {
    fitting.environment = {};  // the client's environment alone; the guest sees the rest
  }
  const std::uint32_t id = open(FrameType::kOpenSession, StreamKind::kSession, fitting);
  agent_asked_ = agent_asked_ || request.agent;
  if (auto* stream = find(id)) stream->has_display = request.x11.has_value();
  return id;
}

std::uint32_t GuestLink::Impl::open_connection(const OpenConnection& request) {
  return open(FrameType::kOpenConnection, StreamKind::kConnection, request);
}

std::uint32_t GuestLink::Impl::open_listener(const OpenListener& request) {
  return open(FrameType::kOpenListener, StreamKind::kListener, request);
}

void GuestLink::Impl::open_accepted(std::uint32_t id) {
  GuestStream* stream = find(id);
  if (stream == nullptr) return;
  send_message(FrameType::kWindowAdjust, id, WindowAdjust{stream->receive.give_first_credit()});
}

std::size_t GuestLink::Impl::send_data(std::uint32_t id, std::span<const std::uint8_t> data) {
  GuestStream* stream = find(id);
  if (stream == nullptr) return data.size();
  const auto taken = data.first(std::min(data.size(), credit(*stream)));
  stream->wants_credit = taken.size() < data.size();
  stream->send_credit -= taken.size();
  for (auto rest = taken; !rest.empty();) {
    const auto piece = rest.first(std::min(rest.size(), Websocket::kFrameSize));
    send_frame(FrameType::kData, id, piece);
    rest = rest.subspan(piece.size());
  }
  return taken.size();
}

void GuestLink::Impl::close(std::uint32_t id) {
  if (forget(id)) send_frame(FrameType::kClose, id, {});
}

void GuestLink::Impl::consumed(std::uint32_t id, std::size_t bytes) {
  GuestStream* stream = find(id);
  if (stream == nullptr) return;
  const std::uint32_t credit = stream->receive.consume(bytes);
  if (credit == 0 || stream->eof) return;
  send_message(FrameType::kWindowAdjust, id, WindowAdjust{credit});
}

}  // namespace ssh2incus
