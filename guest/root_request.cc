// See root_request.h.
#include "guest/root_request.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/passed_fds.h"

namespace ssh2incus::guest {
namespace {

constexpr std::size_t kMaxFds = 5;

union ControlBuffer {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int) * kMaxFds)> bytes;
};

std::optional<RootRequest> request_of(std::uint8_t operation, std::vector<UniqueFd> fds) {
  RootRequest request;
  request.operation = static_cast<RootOperation>(operation);
  std::size_t expected = 0;
  if (request.operation == RootOperation::kStartProgram) expected = 5;
  if (request.operation == RootOperation::kInstallKeeper) expected = 4;
  if (expected == 0 || fds.size() != expected) return std::nullopt;
  request.conversation = std::move(fds[0]);
  for (std::size_t i = 0; i < 3; ++i) request.standard[i] = std::move(fds[i + 1]);
  if (expected == 5) request.order = std::move(fds[4]);
  return request;
}

}  // namespace

Status send_root_request(int helper, RootOperation operation, std::span<const int> fds) {
  auto byte = static_cast<std::uint8_t>(operation);
  iovec data{&byte, 1};
  ControlBuffer control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = CMSG_SPACE(fds.size_bytes());
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  if (part == nullptr) return fail("no room for descriptors");
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(fds.size_bytes());
  std::memcpy(CMSG_DATA(part), fds.data(), fds.size_bytes());
  while (sendmsg(helper, &message, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return system_error("cannot ask for it");
  }
  return {};
}

Result<std::optional<RootRequest>> receive_root_request(int socket) {
  std::array<std::uint8_t, 2> bytes{};  // one more than there may be
  iovec data{bytes.data(), bytes.size()};
  ControlBuffer control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  const ssize_t count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return std::optional<RootRequest>();
  if (count < 0) return system_error("recvmsg");
  std::vector<UniqueFd> fds = take_fds(message);
  if (count == 0 && fds.empty()) return fail("the multiplexer has ended");
  if (count != 1 || (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0)
    return std::optional<RootRequest>();
  return request_of(bytes[0], std::move(fds));
}

Status send_root_answer(int conversation, const RootAnswer& answer) {
  const EncodedRootAnswer bytes = {static_cast<std::uint8_t>(answer.by_signal ? 1 : 0),
                                   answer.value};
  if (send(conversation, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
      static_cast<ssize_t>(bytes.size())) {
    return system_error("cannot answer");
  }
  return {};
}

}  // namespace ssh2incus::guest
