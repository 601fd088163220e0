// Blocking-style I/O on a non-blocking socket, every wait with an end.
#include "gateway/exec_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "gateway/text.h"
#include "gateway/websocket_handshake.h"

namespace ssh2incus {
namespace {

constexpr const char* kDoing = "a stream of Incus";

Failure broken(const std::string& why) {
  return {TargetFailure::kIncusError, "Incus broke off the command's stream: " + why};
}

Outcome<UniqueFd> connect_unix(const std::string& path, const Patience& patience) {
  constexpr int kRetryMs = 20;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto unreachable = [&](int error) {
    return Failure{TargetFailure::kIncusUnreachable,
                   "can't reach Incus at " + cut_text(path) + ": " + std::strerror(error)};
  };
  if (path.size() >= sizeof(address.sun_path)) return unreachable(ENAMETOOLONG);
  std::ranges::copy(path, address.sun_path);
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return unreachable(errno);
  while (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return unreachable(errno);  // EAGAIN: its queue is full
    if (patience.left_ms() == 0) return Patience::timed_out(kDoing);
    TRY_OUTCOME(patience.sleep(kRetryMs));
  }
  return fd;
}

// recv() once there is something; 0 bytes: the end.
Outcome<std::size_t> receive(int fd, std::span<std::uint8_t> bytes, int flags,
                             const Patience& patience) {
  for (;;) {
    const ssize_t got = recv(fd, bytes.data(), bytes.size(), flags);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EINTR) continue;
    if (errno == ECONNRESET) return std::size_t{0};  // closed with something of ours unread
    if (errno != EAGAIN) return broken(std::strerror(errno));
    TRY_OUTCOME(patience.wait(fd, POLLIN, kDoing));
  }
}

}  // namespace

Outcome<ExecSocket> ExecSocket::connect(const std::string& socket_path, std::string_view path,
                                        const Patience& patience) {
  ExecSocket self(TRY_OUTCOME(connect_unix(socket_path, patience)), new_websocket_key());
  const std::string request = upgrade_request(path, self.key_);
  TRY_OUTCOME(self.send_all(
      std::span(reinterpret_cast<const std::uint8_t*>(request.data()), request.size()), patience));
  return self;
}

// Bytes are looked at before they are taken, so that none behind the header's end is.
Outcome<Done> ExecSocket::finish_upgrade(const Patience& patience) {
  std::string reply;
  std::array<std::uint8_t, 2048> peeked{};
  for (;;) {
    const std::size_t seen = TRY_OUTCOME(receive(fd_.get(), peeked, MSG_PEEK, patience));
    if (seen == 0) return broken("it closed the connection");
    const std::size_t before = reply.size();
    reply.append(reinterpret_cast<const char*>(peeked.data()), seen);
    const auto end = end_of_reply(reply);
    if (end) reply.resize(*end);
    const auto taken = std::span(peeked).first(reply.size() - before);
    if (TRY_OUTCOME(receive(fd_.get(), taken, 0, patience)) != taken.size()) {
      return broken("it took bytes back");
    }
    if (end) break;
    if (reply.size() > kMaxHandshakeReply) return broken("endless header");
  }
  if (auto status = check_upgrade_reply(reply, key_); !status.ok()) {
    return Failure{TargetFailure::kIncusError,
                   "Incus refused the command's stream: " + status.error().message};
  }
  return Done{};
}

Outcome<Done> ExecSocket::send_all(std::span<const std::uint8_t> bytes, const Patience& patience) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      TRY_OUTCOME(patience.wait(fd_.get(), POLLOUT, kDoing));
    } else if (errno != EINTR) {
      return broken(std::strerror(errno));
    }
  }
  return Done{};
}

Outcome<Done> ExecSocket::send_frame(Opcode opcode, std::span<const std::uint8_t> payload,
                                     const Patience& patience) {
  return send_all(encode_frame(opcode, payload), patience);
}

Outcome<WebsocketFrame> ExecSocket::receive_frame(const Patience& patience) {
  std::array<std::uint8_t, 4096> buffer{};
  for (;;) {
    const auto room = std::span(buffer).first(std::min(buffer.size(), frames_.wanted()));
    const std::size_t got = TRY_OUTCOME(receive(fd_.get(), room, 0, patience));
    if (got == 0) return WebsocketFrame{Opcode::kClose, true, {}};
    auto frame = frames_.take(room.first(got));
    if (!frame.ok()) return broken(frame.error().message);
    if (!*frame) continue;
    if ((**frame).opcode == Opcode::kPing) {
      // If incusd has closed the socket, reading on tells.
      static_cast<void>(send_frame(Opcode::kPong, (**frame).payload, patience));
    } else if ((**frame).opcode != Opcode::kPong) {
      return std::move(**frame);
    }
  }
}

}  // namespace ssh2incus
