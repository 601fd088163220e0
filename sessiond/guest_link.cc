// See guest_link.h. Sockets, their end, and what is due to the observer then.
#include "sessiond/guest_link.h"

#include <poll.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/check.h"
#include "sessiond/guest_link_impl.h"

namespace ssh2incus {
namespace {

constexpr int kReceivesPerCall = 4;         // so that the SSH side gets its turn
constexpr std::size_t kMaxComplaint = 512;  // kept of the guest's stderr

}  // namespace

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

GuestLink::GuestLink(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GuestLink::~GuestLink() = default;

Result<std::unique_ptr<GuestLink>> GuestLink::create(std::array<UniqueFd, 4> sockets,
                                                     Observer& observer, bool raw) {
  auto impl = std::make_unique<Impl>(observer);
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    impl->sockets_[i] = TRY(raw ? GuestLinkSocket::create_raw(std::move(sockets[i]))
                                : GuestLinkSocket::create(std::move(sockets[i])));
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

std::uint32_t GuestLink::open_session(const OpenSession& request) {
  return impl_->open_session(request);
}

std::uint32_t GuestLink::open_connection(const OpenConnection& request) {
  return impl_->open_connection(request);
}

std::uint32_t GuestLink::open_listener(const OpenListener& request) {
  return impl_->open_listener(request);
}

void GuestLink::open_accepted(std::uint32_t stream) { impl_->open_accepted(stream); }

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
