// recv(2) and send(2) on a non-blocking socket.
#include "gateway/byte_stream.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "gateway/text.h"

namespace ssh2incus {

using Kind = StreamStep::Kind;

Outcome<LocalStream> LocalStream::connect(const std::string& path, const Patience& patience) {
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
  while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return unreachable(errno);  // EAGAIN: its queue is full
    if (patience.left_ms() == 0) return Patience::timed_out("a stream of Incus");
    TRY_OUTCOME(patience.sleep(kRetryMs));
  }
  return LocalStream(std::move(fd));
}

StreamStep LocalStream::receive(std::span<std::uint8_t> bytes, int flags) {
  for (;;) {
    const ssize_t got = recv(fd_.get(), bytes.data(), bytes.size(), flags);
    if (got > 0) return {Kind::kBytes, static_cast<std::size_t>(got), 0};
    // A reset: closed with something of ours unread.
    if (got == 0 || errno == ECONNRESET) return {Kind::kEnd};
    if (errno == EAGAIN) return {Kind::kWait, 0, POLLIN};
    if (errno != EINTR) return {Kind::kBroken, 0, 0, std::strerror(errno)};
  }
}

StreamStep LocalStream::read(std::span<std::uint8_t> bytes) { return receive(bytes, 0); }

StreamStep LocalStream::peek(std::span<std::uint8_t> bytes) { return receive(bytes, MSG_PEEK); }

StreamStep LocalStream::write(std::span<const std::uint8_t> bytes) {
  for (;;) {
    const ssize_t sent = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return {Kind::kBytes, static_cast<std::size_t>(sent), 0};
    if (errno == EAGAIN) return {Kind::kWait, 0, POLLOUT};
    if (errno != EINTR) return {Kind::kBroken, 0, 0, std::strerror(errno)};
  }
}

}  // namespace ssh2incus
