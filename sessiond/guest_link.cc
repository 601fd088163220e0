// See guest_link.h. Every number that the guest sends is checked against what the stream's state
// allows: kinds in their order, data within the granted credit, credit without overflow.
#include "sessiond/guest_link.h"

#include <poll.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/guest_frames.h"
#include "sessiond/guest_link_socket.h"
#include "sessiond/guest_stream.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kReceiveSize = 128UL * 1024;
constexpr int kReceivesPerCall = 4;                // so that the SSH side gets its turn
constexpr std::size_t kMaxQueued = 1024UL * 1024;  // of output; data beyond it is not taken
constexpr std::size_t kMaxComplaint = 512;         // kept of the guest's stderr
enum SocketIndex : std::size_t { kStdin, kStdout, kStderr, kControl };

}  // namespace

class GuestLink::Impl {
 public:
  explicit Impl(Observer& observer) : observer_(observer), scratch_(kReceiveSize) {}

  std::array<GuestLinkSocket, 4> sockets_;
  bool broken_ = false;
  GuestPulse pulse_;

  void handle(std::size_t index, short revents);
  void flush();
  [[nodiscard]] const GuestStream* find(std::uint32_t stream) const;
  GuestStream* find(std::uint32_t stream) {
    return const_cast<GuestStream*>(std::as_const(*this).find(stream));
  }
  [[nodiscard]] std::size_t credit(const GuestStream& stream) const;
  std::uint32_t open(const OpenSession& request);
  std::size_t send_data(std::uint32_t id, std::span<const std::uint8_t> data);
  void close(std::uint32_t id);
  void consumed(std::uint32_t id, std::size_t bytes);
  template <typename T>
  void send_message(FrameType type, std::uint32_t id, const T& message) {
    send_frame(type, id, ipc::encode_fields(message));
  }
  void send_frame(FrameType type, std::uint32_t id, std::span<const std::uint8_t> payload);

 private:
  void break_link(const std::string& reason);
  void end_link(const std::string& what);
  void receive_stdout();
  void receive_stderr();
  void receive_and_ignore(std::size_t index);
  Status decode(std::span<const std::uint8_t> bytes);
  Status dispatch(const FrameEvent& event);
  Status on_message(std::uint32_t id, GuestStream& stream, const FrameEvent& event);
  Status on_data(std::uint32_t id, GuestStream& stream, const FrameEvent& event);
  Status on_window_adjust(GuestStream& stream, const FrameEvent& event);
  void forget_if_over(std::uint32_t id);
  void wake_waiting_streams();

  Observer& observer_;
  Bytes scratch_;
  WebsocketInput input_;
  FrameDecoder decoder_{FrameSource::kGuest};
  std::map<std::uint32_t, GuestStream> streams_;
  std::uint32_t next_stream_ = 1;
  std::string complaint_;  // the guest's stderr
  bool ending_ = false;
  bool dispatching_ = false;  // the observer is being told of what input_ holds
  bool waking_ = false;
  std::optional<std::string> deferred_end_;
};

const GuestStream* GuestLink::Impl::find(std::uint32_t stream) const {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : &found->second;
}

void GuestLink::Impl::break_link(const std::string& reason) {
  if (std::exchange(broken_, true)) return;
  for (auto& socket : sockets_) socket.close();
  streams_.clear();
  observer_.on_broken(reason);
}

// The peer has closed a socket: what it said before is still heard, then the link is over.
void GuestLink::Impl::end_link(const std::string& what) {
  if (broken_) return;
  if (dispatching_) {
    deferred_end_ = what;
    return;
  }
  if (std::exchange(ending_, true)) return;
  if (sockets_[kStdout].is_open()) receive_stdout();
  if (sockets_[kStderr].is_open()) receive_stderr();
  break_link(complaint_.empty() ? what : what + ": " + complaint_);
}

void GuestLink::Impl::flush() {
  if (broken_) return;
  for (auto& socket : sockets_) {
    if (!socket.is_open() || socket.flush().ok()) continue;
    end_link("the guest's connection is gone");
    return;
  }
  wake_waiting_streams();
}

void GuestLink::Impl::wake_waiting_streams() {
  if (std::exchange(waking_, true)) return;  // flush() called by the observer
  std::vector<std::uint32_t> ready;
  for (auto& [id, stream] : streams_) {
    if (stream.wants_credit && credit(stream) > 0) ready.push_back(id);
  }
  for (const auto id : ready) {
    GuestStream* stream = find(id);
    if (stream == nullptr || !std::exchange(stream->wants_credit, false)) continue;
    observer_.on_credit(id);
  }
  waking_ = false;
}

void GuestLink::Impl::handle(std::size_t index, short revents) {
  if ((revents & POLLOUT) != 0) flush();
  if (broken_ || (revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) == 0) return;
  if (index == kStdout) {
    receive_stdout();
  } else if (index == kStderr) {
    receive_stderr();
  } else {
    receive_and_ignore(index);
  }
  flush();
}

void GuestLink::Impl::receive_stdout() {
  for (int round = 0; round < kReceivesPerCall && !broken_; ++round) {
    input_ = WebsocketInput{.data = std::move(input_.data)};
    input_.data.clear();
    const auto received = sockets_[kStdout].receive(scratch_, input_);
    if (!input_.data.empty()) pulse_.heard(GuestPulse::Clock::now());
    const bool at_end = input_.end_of_stream || input_.closed || !received.ok();
    dispatching_ = true;  // whatever the observer calls, input_ stays as it is
    const auto status = decode(input_.data);
    dispatching_ = false;
    if (broken_) return;
    if (!status.ok()) return break_link("the guest broke the protocol: " + status.error().message);
    if (at_end) {
      const auto what = received.ok() ? "the guest has ended" : received.error().message;
      sockets_[kStdout].close();
      return end_link(what);
    }
    if (deferred_end_) return end_link(*deferred_end_);
    if (*received == GuestLinkSocket::Received::kNothingYet) return;
    if (input_.data.size() < kReceiveSize / 2 && !ending_) return;  // most likely no more for now
  }
}

void GuestLink::Impl::receive_stderr() {
  WebsocketInput input;
  const auto received = sockets_[kStderr].receive(scratch_, input);
  if (!received.ok()) return end_link(received.error().message);
  const std::size_t room = kMaxComplaint - complaint_.size();
  complaint_.append(input.data.begin(),
                    input.data.begin() + static_cast<long>(std::min(room, input.data.size())));
  if (input.end_of_stream || input.closed) sockets_[kStderr].close();
}

// stdin and control: only pings, and the end.
void GuestLink::Impl::receive_and_ignore(std::size_t index) {
  WebsocketInput input;
  const auto received = sockets_[index].receive(scratch_, input);
  if (received.ok() && !input.closed && !input.end_of_stream) return;
  // The guest's own end is announced on stdout; without stdin it can't go on either.
  sockets_[index].close();
  if (index == kStdin) end_link(received.ok() ? "the guest has ended" : received.error().message);
}

Status GuestLink::Impl::decode(std::span<const std::uint8_t> bytes) {
  while (true) {
    const auto event = TRY(decoder_.next(bytes));
    if (!event) return {};
    TRY(dispatch(*event));
    if (broken_) return {};
  }
}

Status GuestLink::Impl::dispatch(const FrameEvent& event) {
  const std::uint32_t id = event.header.stream;
  if (event.header.type == FrameType::kPong && id == 0) return {};
  if (id == 0 || id >= next_stream_) return fail("unknown stream");
  GuestStream* stream = find(id);
  if (stream == nullptr) return {};  // over: what was on its way is dropped
  if (!stream->opened && event.header.type != FrameType::kOpened &&
      event.header.type != FrameType::kOpenFailed) {
    return fail("frame before a stream was opened");
  }
  if (carries_raw_data(event.header.type)) return on_data(id, *stream, event);
  return on_message(id, *stream, event);
}

Status GuestLink::Impl::on_data(std::uint32_t id, GuestStream& stream, const FrameEvent& event) {
  if (stream.eof) return fail("data after the end of data");
  if (!stream.receive.deliver(event.payload.size())) return fail("more data than was granted");
  if (event.payload.empty()) return {};
  observer_.on_data(id, event.payload, event.header.type == FrameType::kExtendedData);
  return {};
}

Status GuestLink::Impl::on_message(std::uint32_t id, GuestStream& stream, const FrameEvent& event) {
  switch (event.header.type) {
    case FrameType::kOpened: {
      if (stream.opened) return fail("stream opened twice");
      const auto opened = TRY(ipc::decode_fields<Opened>(event.payload));
      stream.opened = true;
      observer_.on_opened(id, opened);
      return {};
    }
    case FrameType::kOpenFailed: {
      if (stream.opened) return fail("refusal of an open stream");
      const auto refusal = TRY(ipc::decode_fields<OpenFailed>(event.payload));
      streams_.erase(id);
      observer_.on_open_failed(id, *refusal.message);
      return {};
    }
    case FrameType::kExited: {
      if (stream.exited) return fail("program ended twice");
      const auto exited = TRY(ipc::decode_fields<Exited>(event.payload));
      stream.exited = true;
      forget_if_over(id);
      observer_.on_exited(id, exited);
      return {};
    }
    case FrameType::kEof:
      if (stream.eof) return fail("data ended twice");
      stream.eof = true;
      forget_if_over(id);
      observer_.on_eof(id);
      return {};
    case FrameType::kWindowAdjust: return on_window_adjust(stream, event);
    default: return fail("unexpected frame");
  }
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

std::uint32_t GuestLink::Impl::open(const OpenSession& request) {
  CHECK(next_stream_ != 0);
  const std::uint32_t id = next_stream_++;
  if (broken_) return id;
  streams_.emplace(id, GuestStream{});
  const auto encoded = ipc::encode_fields(request);
  if (encoded.size() <= limits::kMaxGuestFrame) {
    send_frame(FrameType::kOpenSession, id, encoded);
  } else {  // the client's environment alone; the guest sees the rest
    auto shorter = request;
    shorter.environment = {};
    send_message(FrameType::kOpenSession, id, shorter);
  }
  return id;
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
  if (streams_.erase(id) > 0) send_frame(FrameType::kClose, id, {});
}

void GuestLink::Impl::consumed(std::uint32_t id, std::size_t bytes) {
  GuestStream* stream = find(id);
  if (stream == nullptr) return;
  const std::uint32_t credit = stream->receive.consume(bytes);
  if (credit == 0 || stream->eof) return;
  send_message(FrameType::kWindowAdjust, id, WindowAdjust{credit});
}

GuestLink::GuestLink(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GuestLink::~GuestLink() = default;

Result<std::unique_ptr<GuestLink>> GuestLink::create(std::array<UniqueFd, 4> sockets,
                                                     Observer& observer) {
  auto impl = std::make_unique<Impl>(observer);
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    impl->sockets_[i] = TRY(GuestLinkSocket::create(std::move(sockets[i])));
  }
  return std::unique_ptr<GuestLink>(new GuestLink(std::move(impl)));
}

std::array<PollInterest, 4> GuestLink::interests() const {
  std::array<PollInterest, 4> interests;
  for (std::size_t i = 0; i < interests.size(); ++i) {
    const auto& socket = impl_->sockets_[i];
    if (!socket.is_open()) continue;
    interests[i].fd = socket.fd();
    interests[i].events = static_cast<short>(socket.queued() > 0 ? POLLIN | POLLOUT : POLLIN);
  }
  return interests;
}

void GuestLink::handle(int fd, short revents) {
  for (std::size_t i = 0; i < impl_->sockets_.size(); ++i) {
    if (fd >= 0 && impl_->sockets_[i].fd() == fd) return impl_->handle(i, revents);
  }
}

void GuestLink::flush() { impl_->flush(); }
bool GuestLink::broken() const { return impl_->broken_; }
bool GuestLink::congested() const { return impl_->sockets_[kStdin].queued() >= kMaxQueued; }
bool GuestLink::is_live(std::uint32_t stream) const { return impl_->find(stream) != nullptr; }

std::uint32_t GuestLink::open_session(const OpenSession& request) { return impl_->open(request); }

std::size_t GuestLink::credit(std::uint32_t stream) const {
  const GuestStream* found = impl_->find(stream);
  return found == nullptr ? limits::kGuestWindow : impl_->credit(*found);
}

std::size_t GuestLink::send_data(std::uint32_t stream, std::span<const std::uint8_t> data) {
  return impl_->send_data(stream, data);
}

void GuestLink::send_eof(std::uint32_t stream) {
  if (is_live(stream)) impl_->send_frame(FrameType::kEof, stream, {});
}

void GuestLink::send_signal(std::uint32_t stream, std::string_view name) {
  if (!is_live(stream)) return;
  impl_->send_message(FrameType::kSignal, stream, SignalRequest{truncated<32>(name)});
}

void GuestLink::send_window_change(std::uint32_t stream, const TerminalSize& size) {
  if (is_live(stream)) {
    impl_->send_message(FrameType::kWindowChange, stream, WindowChange{size});
  }
}

void GuestLink::send_ping() { impl_->send_frame(FrameType::kPing, 0, {}); }
GuestPulse& GuestLink::pulse() { return impl_->pulse_; }

void GuestLink::send_close(std::uint32_t stream) { impl_->close(stream); }

void GuestLink::consumed(std::uint32_t stream, std::size_t bytes) {
  impl_->consumed(stream, bytes);
}

}  // namespace ssh2incus
