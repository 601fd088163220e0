// Packets over SOCK_SEQPACKET. Both peers may be hostile: sizes, truncation and fd counts are
// checked here, contents by the codec.
#include "common/ipc_channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/check.h"
#include "common/limits.h"
#include "common/passed_fds.h"

namespace ssh2incus::ipc {
namespace {

constexpr std::size_t kControlSize = CMSG_SPACE(sizeof(int) * (limits::kMaxIpcFds + 1));

Status wait_for(int fd, short events, int timeout_ms) {
  pollfd entry{fd, events, 0};
  for (;;) {
    const int ready = poll(&entry, 1, timeout_ms);
    if (ready > 0) return {};
    if (ready == 0) return fail("timed out waiting for another process");
    if (errno != EINTR) return system_error("poll");
  }
}

}  // namespace

Result<std::pair<IpcChannel, IpcChannel>> IpcChannel::pair() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_error("socketpair");
  }
  return std::pair(IpcChannel(UniqueFd(ends[0])), IpcChannel(UniqueFd(ends[1])));
}

Status IpcChannel::send_bytes(std::span<const std::uint8_t> bytes, std::span<const int> fds) {
  CHECK(bytes.size() <= limits::kMaxIpcMessage && fds.size() <= limits::kMaxIpcFds);
  iovec vector{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<unsigned char, kControlSize> control{};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* entry = CMSG_FIRSTHDR(&header);
    entry->cmsg_level = SOL_SOCKET;
    entry->cmsg_type = SCM_RIGHTS;
    entry->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(entry), fds.data(), fds.size_bytes());
  }
  for (;;) {
    const int flags = send_timeout_ms_ < 0 ? MSG_NOSIGNAL : MSG_NOSIGNAL | MSG_DONTWAIT;
    const ssize_t sent = sendmsg(socket_.get(), &header, flags);
    if (sent >= 0) return {};
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      TRY(wait_for(socket_.get(), POLLOUT, send_timeout_ms_));
    } else if (errno != EINTR) {
      return system_error("sendmsg");
    }
  }
}

Result<std::optional<Packet>> IpcChannel::receive(int timeout_ms) {
  if (timeout_ms >= 0) TRY(wait_for(socket_.get(), POLLIN, timeout_ms));
  Packet packet;
  packet.bytes.resize(limits::kMaxIpcMessage);
  iovec vector{packet.bytes.data(), packet.bytes.size()};
  alignas(cmsghdr) std::array<unsigned char, kControlSize> control{};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t got = 0;
  do {
    got = recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      TRY(wait_for(socket_.get(), POLLIN, timeout_ms));
      errno = EINTR;
    }
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    if (errno == ECONNRESET) return std::optional<Packet>();
    return system_error("recvmsg");
  }
  packet.fds = take_fds(header);
  if ((header.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) return fail("truncated packet");
  if (packet.fds.size() > limits::kMaxIpcFds) return fail("too many file descriptors");
  if (got == 0) return std::optional<Packet>();
  packet.bytes.resize(static_cast<std::size_t>(got));
  return std::optional<Packet>(std::move(packet));
}

}  // namespace ssh2incus::ipc
