// The peer may send as slowly as it likes, until the time is over.
#include "sessiond/proxy_reader.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "sessiond/proxy_header.h"

namespace ssh2incus {
namespace {

using Clock = std::chrono::steady_clock;

Status wait_for_bytes(const UniqueFd& connection, int monitor_fd, Clock::time_point end) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return fail("none came in time");
    std::array<pollfd, 2> entries = {{{connection.get(), POLLIN, 0}, {monitor_fd, POLLIN, 0}}};
    if (poll(entries.data(), entries.size(), static_cast<int>(left)) < 0) {
      if (errno == EINTR) continue;
      return system_error("poll");
    }
    if (entries[1].revents != 0) return fail("the server is shutting down");
    if (entries[0].revents != 0) return {};
  }
}

}  // namespace

Result<ipc::ProxyHeaderRequest> read_proxy_header(const UniqueFd& connection, int monitor_fd) {
  const auto end = Clock::now() + std::chrono::milliseconds(limits::kProxyHeaderMs);
  Bytes header;
  while (const std::size_t missing = missing_of_proxy_header(header)) {
    TRY(wait_for_bytes(connection, monitor_fd, end));
    const std::size_t known = header.size();
    header.resize(known + missing);
    const ssize_t got = recv(connection.get(), header.data() + known, missing, MSG_DONTWAIT);
    header.resize(known + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got == 0) return fail("the connection ended before one");
    if (got < 0 && errno != EAGAIN && errno != EINTR) return system_error("recv");
  }
  return parse_proxy_header(header);
}

}  // namespace ssh2incus
