// See guest_link_socket.h. System calls here: recv, send, fcntl (once).
#include "sessiond/guest_link_socket.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "common/check.h"

namespace ssh2incus {
namespace {

// Payload that is framed at once, so that many frames go out in one send().
constexpr std::size_t kFramedAtOnce = 512UL * 1024;
// Buffers beyond this are given back when they are empty: most sessions are idle.
constexpr std::size_t kKeptCapacity = 32UL * 1024;

void clear_and_trim(Bytes& bytes) {
  bytes.clear();
  if (bytes.capacity() > kKeptCapacity) bytes.shrink_to_fit();
}

}  // namespace

Result<GuestLinkSocket> GuestLinkSocket::create(UniqueFd fd) {
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return system_error("cannot use a guest's socket");
  }
  GuestLinkSocket socket;
  socket.fd_ = std::move(fd);
  socket.websocket_ = TRY(Websocket::create());
  return socket;
}

Result<GuestLinkSocket::Received> GuestLinkSocket::receive(std::span<std::uint8_t> scratch,
                                                           WebsocketInput& input) {
  const ssize_t received = recv(fd_.get(), scratch.data(), scratch.size(), MSG_DONTWAIT);
  if (received < 0) {
    if (errno == EAGAIN || errno == EINTR) return Received::kNothingYet;
    return system_error("connection to the guest");
  }
  if (received == 0) {
    input.closed = true;
    return Received::kSomething;
  }
  TRY(websocket_->decode(scratch.first(static_cast<std::size_t>(received)), input));
  return Received::kSomething;
}

void GuestLinkSocket::queue(std::span<const std::uint8_t> payload) {
  payload_.insert(payload_.end(), payload.begin(), payload.end());
}

std::size_t GuestLinkSocket::queued() const {
  if (!is_open()) return 0;
  return payload_.size() - payload_framed_ + websocket_->output().size() - output_sent_;
}

void GuestLinkSocket::frame_queued_payload() {
  const auto rest = std::span<const std::uint8_t>(payload_).subspan(payload_framed_);
  const auto piece = rest.first(std::min(rest.size(), kFramedAtOnce));
  websocket_->encode(piece);
  payload_framed_ += piece.size();
  if (payload_framed_ == payload_.size()) {
    clear_and_trim(payload_);
    payload_framed_ = 0;
  }
}

Status GuestLinkSocket::flush() {
  while (queued() > 0) {
    auto& output = websocket_->output();
    if (output.empty()) frame_queued_payload();
    const ssize_t sent = send(fd_.get(), output.data() + output_sent_, output.size() - output_sent_,
                              MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return {};
      return system_error("connection to the guest");
    }
    output_sent_ += static_cast<std::size_t>(sent);
    if (output_sent_ < output.size()) return {};  // the socket is full
    output.clear();
    output_sent_ = 0;
  }
  if (is_open()) clear_and_trim(websocket_->output());
  return {};
}

}  // namespace ssh2incus
