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

}  // namespace

Result<GuestLinkSocket> GuestLinkSocket::create_raw(UniqueFd fd) {
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return system_error("cannot use a guest's socket");
  }
  GuestLinkSocket socket;
  socket.fd_ = std::move(fd);
  return socket;
}

Result<GuestLinkSocket> GuestLinkSocket::create(UniqueFd fd) {
  auto socket = TRY(create_raw(std::move(fd)));
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
  const auto bytes = scratch.first(static_cast<std::size_t>(received));
  if (websocket_) {
    TRY(websocket_->decode(bytes, input));
  } else {
    input.data.insert(input.data.end(), bytes.begin(), bytes.end());
  }
  return Received::kSomething;
}

void GuestLinkSocket::queue(std::span<const std::uint8_t> payload) { payload_.append(payload); }

void GuestLinkSocket::end_message() {
  while (payload_.size() > 0) frame_queued_payload();
}

void GuestLinkSocket::queue_end_of_stream() {
  end_message();
  if (websocket_) websocket_->encode_end_of_stream();
}

std::size_t GuestLinkSocket::queued() const {
  if (!is_open()) return 0;
  return payload_.size() + output().size() - output_sent_;
}

void GuestLinkSocket::frame_queued_payload() {
  const auto waiting = payload_.front();
  const auto piece = waiting.first(std::min(waiting.size(), kFramedAtOnce));
  if (websocket_) {
    websocket_->encode(piece);
  } else {
    raw_output_.insert(raw_output_.end(), piece.begin(), piece.end());
  }
  payload_.take(piece.size());
}

Status GuestLinkSocket::flush() {
  if (!is_open()) return {};
  Bytes& waiting = output();
  if (queued() == 0) {  // most sessions are idle most of the time: keep no memory for them
    Bytes().swap(waiting);
    payload_.release();
    return {};
  }
  while (queued() > 0) {
    if (waiting.empty()) frame_queued_payload();
    const ssize_t sent = send(fd_.get(), waiting.data() + output_sent_,
                              waiting.size() - output_sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return {};
      return system_error("connection to the guest");
    }
    output_sent_ += static_cast<std::size_t>(sent);
    if (output_sent_ < waiting.size()) return {};  // the socket is full
    waiting.clear();
    output_sent_ = 0;
  }
  return {};
}

}  // namespace ssh2incus
