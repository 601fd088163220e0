// The loop of the diagnostics process. Nothing that peers send reaches the listener: what it is
// asked is always the same.
#include "diagnostics/responder.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "diagnostics/exposition.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMostPeers = 32;
constexpr std::chrono::seconds kPeerTime{10};
constexpr int kSnapshotMs = 3'000;

std::string http(const char* status, const char* type, const std::string& body, bool head_only) {
  return std::string("HTTP/1.1 ") + status + "\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
         "\r\n" +
         (head_only ? "" : body);
}

std::string plain(const char* status, const char* text, bool head_only) {
  return http(status, "text/plain; charset=utf-8", std::string(text) + "\n", head_only);
}

constexpr const char* kUnavailable = "503 Service Unavailable";

}  // namespace

Status Responder::run() {
  while (!listener_gone_) {
    std::vector<pollfd> entries = {{listener_.fd(), POLLIN, 0}, {socket_.get(), POLLIN, 0}};
    if (peers_.size() >= kMostPeers) entries[1].fd = -1;
    for (const Peer& peer : peers_) {
      const short events = peer.answer.empty() ? POLLIN : POLLOUT;
      entries.push_back({peer.fd.get(), events, 0});
    }
    if (poll(entries.data(), entries.size(), next_end_ms()) < 0) {
      if (errno == EINTR) continue;
      return system_error("poll");
    }
    // It says nothing unasked: readable means that it has ended.
    if (entries[0].revents != 0) return {};
    const auto now = Clock::now();
    std::size_t place = 2;
    std::erase_if(peers_, [&](Peer& peer) {
      const bool ready = entries[place++].revents != 0;
      return (ready && !serve(peer)) || peer.end <= now;
    });
    if (entries[1].revents != 0) accept_peer();
  }
  return {};
}

int Responder::next_end_ms() const {
  if (peers_.empty()) return -1;
  const auto first = std::ranges::min_element(peers_, {}, &Peer::end);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(first->end - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

void Responder::accept_peer() {
  UniqueFd fd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (fd.valid()) peers_.push_back({std::move(fd), Clock::now() + kPeerTime, {}, {}});
}

bool Responder::serve(Peer& peer) {
  return peer.answer.empty() ? read_request(peer) : write_answer(peer);
}

bool Responder::read_request(Peer& peer) {
  std::array<char, 4096> chunk{};
  const ssize_t got = recv(peer.fd.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  peer.request.append(chunk.data(), static_cast<std::size_t>(got));
  const auto ask = parse_http_request(peer.request);
  if (!ask) return true;
  peer.answer = answer_to(*ask);
  return write_answer(peer);
}

bool Responder::write_answer(Peer& peer) {
  const ssize_t sent =
      send(peer.fd.get(), peer.answer.data(), peer.answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == EINTR;
  peer.answer.erase(0, static_cast<std::size_t>(sent));
  return !peer.answer.empty();
}

Result<ipc::SnapshotReply> Responder::snapshot() {
  TRY(listener_.send(ipc::SnapshotRequest{}));
  auto reply = listener_.receive_message<ipc::SnapshotReply>(kSnapshotMs);
  // An answer that comes later would be taken for that to the next question.
  listener_gone_ = !reply.ok();
  return reply;
}

std::string Responder::answer_to(const HttpAsk& ask) {
  const bool head = ask.head_only;
  switch (ask.page) {
    case HttpPage::kMalformed: return plain("400 Bad Request", "bad request", head);
    case HttpPage::kWrongMethod: return plain("405 Method Not Allowed", "GET and HEAD only", head);
    case HttpPage::kNotFound: return plain("404 Not Found", "not found", head);
    case HttpPage::kMetrics:
    case HttpPage::kHealth:
    case HttpPage::kReadiness: break;
  }
  const auto numbers = snapshot();
  if (!numbers.ok()) return plain(kUnavailable, "the listener doesn't answer", head);
  if (ask.page == HttpPage::kMetrics) {
    return http("200 OK", "text/plain; version=0.0.4; charset=utf-8", exposition(*numbers), head);
  }
  if (ask.page == HttpPage::kHealth) return plain("200 OK", "ok", head);
  switch (numbers->incus) {
    case ipc::IncusState::kReachable: return plain("200 OK", "ready", head);
    case ipc::IncusState::kUnreachable: return plain(kUnavailable, "Incus is unreachable", head);
    case ipc::IncusState::kUnknown: break;
  }
  return plain(kUnavailable, "Incus hasn't been checked yet", head);
}

}  // namespace ssh2incus
