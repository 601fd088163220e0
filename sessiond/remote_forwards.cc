// See remote_forwards.h.
#include "sessiond/remote_forwards.h"

#include <libssh/server.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sessiond/forward_request.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxRequests = 1024;  // that wait for their answer

}  // namespace

bool RemoteForwards::on_request(std::string_view name, bool wants_reply,
                                std::span<const std::uint8_t> payload) {
  if (requests_.size() >= kMaxRequests) return false;
  target_.news = true;
  Request request{Kind::kFails, wants_reply, {}, {}};
  const bool forward = name == "tcpip-forward" || name == "streamlocal-forward@openssh.com";
  const bool cancel =
      name == "cancel-tcpip-forward" || name == "cancel-streamlocal-forward@openssh.com";
  if (forward || cancel) {
    if (auto wish = parse_forward_request(name, payload)) {
      request.kind = forward ? Kind::kForward : Kind::kCancel;
      request.wish = std::move(*wish);
    }
  } else if (name == "no-more-sessions@openssh.com") {
    no_more_sessions_ = true;
    request.kind = Kind::kSucceeds;
  } else if (name == "keepalive@openssh.com") {
    request.kind = Kind::kSucceeds;
  }
  requests_.push_back(std::move(request));
  return true;
}

bool RemoteForwards::on_answered_request(bool wants_reply, std::optional<Bytes> payload) {
  if (requests_.size() >= kMaxRequests) return false;
  target_.news = true;
  const Kind kind = payload ? Kind::kSucceeds : Kind::kFails;
  requests_.push_back({kind, wants_reply, {}, std::move(payload).value_or(Bytes())});
  return true;
}

void RemoteForwards::pump() {
  while (!requests_.empty() && opening_ == 0) {
    if (!begin(requests_.front())) return;
  }
}

// False: it waits.
bool RemoteForwards::begin(const Request& request) {
  switch (request.kind) {
    case Kind::kSucceeds: answer(true, Bytes(request.payload)); return true;
    case Kind::kFails: answer(false); return true;
    case Kind::kCancel: cancel(request); return true;
    case Kind::kForward: break;
  }
  if (!permissions_.remote_forwarding || target_.state == Target::State::kFailed || target_.plain ||
      listeners_.size() >= limits::kMaxListeners) {
    answer(false);
    return true;
  }
  if (target_.state == Target::State::kOpening) return false;
  opening_ = target_.link->open_listener(request.wish);
  return false;
}

// By what the client has asked for, with the port that it has got.
void RemoteForwards::cancel(const Request& request) {
  const auto found = std::ranges::find_if(listeners_, [&](const auto& entry) {
    return *entry.second.host == *request.wish.host && entry.second.port == request.wish.port &&
           *entry.second.path == *request.wish.path;
  });
  if (found == listeners_.end()) return answer(false);
  if (target_.link) target_.link->send_close(found->first);
  listeners_.erase(found);
  answer(true);
}

void RemoteForwards::answer(bool success, std::span<const std::uint8_t> payload) {
  const bool wanted = requests_.front().wants_reply;
  requests_.pop_front();
  if (wanted) {
    ssh_global_request_reply(session_.raw(), success ? 1 : 0, payload.data(), payload.size());
  }
}

void RemoteForwards::on_listening(std::uint32_t stream, const Listening& listening) {
  if (stream != opening_ || requests_.empty()) return;
  opening_ = 0;
  target_.news = true;
  OpenListener listener = requests_.front().wish;
  const bool chosen = listener.path.empty() && listener.port == 0;
  if (chosen) listener.port = listening.port;
  listeners_.emplace(stream, std::move(listener));
  const std::array<std::uint8_t, 4> port = {0, 0, static_cast<std::uint8_t>(listening.port >> 8),
                                            static_cast<std::uint8_t>(listening.port & 0xff)};
  answer(true, chosen ? std::span<const std::uint8_t>(port) : std::span<const std::uint8_t>());
}

void RemoteForwards::on_open_failed(std::uint32_t stream) {
  if (stream != opening_ || requests_.empty()) return;
  opening_ = 0;
  target_.news = true;
  answer(false);
}

void RemoteForwards::on_link_gone() {
  listeners_.clear();
  if (opening_ != 0) on_open_failed(opening_);
}

std::optional<OpenListener> RemoteForwards::find(std::uint32_t stream) const {
  const auto found = listeners_.find(stream);
  if (found == listeners_.end()) return std::nullopt;
  return found->second;
}

}  // namespace ssh2incus
