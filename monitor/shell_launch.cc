// See shell_launch.h. What the guest sends is bounded and decoded as a message of the gateway's
// would be: it runs unprivileged and may have been lied to.
#include "monitor/shell_launch.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>

#include "common/escape.h"
#include "common/guest_frames.h"
#include "monitor/shell_starter.h"

namespace ssh2incus {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kMaxHello = 2048;

Status receive_exactly(int fd, std::span<std::uint8_t> bytes, Clock::time_point end) {
  while (!bytes.empty()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd entry{fd, POLLIN, 0};
    if (left <= 0 || poll(&entry, 1, static_cast<int>(left)) == 0)
      return fail("the Incus shell doesn't start in time");
    const ssize_t count = recv(fd, bytes.data(), bytes.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("the Incus shell");
    if (count == 0) return fail("the Incus shell can't start");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Status send_grant(int fd, const GuestGrant& grant) {
  const Bytes encoded = ipc::encode_fields(grant);
  ipc::Writer writer;
  writer.put(static_cast<std::uint32_t>(encoded.size()));
  Bytes bytes = writer.take();
  bytes.insert(bytes.end(), encoded.begin(), encoded.end());
  // It fits into the socket's buffer.
  if (send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
      static_cast<ssize_t>(bytes.size())) {
    return system_error("the Incus shell takes no grant");
  }
  return {};
}

}  // namespace

Result<std::array<UniqueFd, 4>> launch_shell(int starter, const GuestGrant& grant, int timeout_ms) {
  const auto end = Clock::now() + std::chrono::milliseconds(timeout_ms);
  auto sockets = TRY(ask_for_shell(starter));
  TRY(send_grant(sockets[0].get(), grant));
  std::array<std::uint8_t, 4> prefix{};
  TRY(receive_exactly(sockets[1].get(), prefix, end));
  std::uint32_t length = 0;
  ipc::Reader(prefix).get(length);
  if (length > kMaxHello) return fail("the Incus shell lies");
  Bytes encoded(length);
  TRY(receive_exactly(sockets[1].get(), encoded, end));
  const auto hello = TRY(ipc::decode_fields<GuestHello>(encoded));
  if (hello.outcome != GuestOutcome::kReady)
    return fail("the Incus shell can't start: " + escaped(*hello.message));
  return sockets;
}

}  // namespace ssh2incus
