// Packets and their fds between two ends of a channel, also when the other end doesn't behave.
#include "common/ipc_channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <filesystem>

#include "common/ipc_sessiond.h"

namespace ssh2incus::ipc {
namespace {

std::size_t open_fds() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

// sendmsg as a peer would that doesn't use IpcChannel.
void send_raw(int socket, std::size_t size, const std::vector<int>& fds) {
  Bytes bytes(size, 1);
  iovec vector{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<unsigned char, CMSG_SPACE(sizeof(int) * 64)> control{};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* entry = CMSG_FIRSTHDR(&header);
    ASSERT_NE(entry, nullptr);
    entry->cmsg_level = SOL_SOCKET;
    entry->cmsg_type = SCM_RIGHTS;
    entry->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(entry), fds.data(), fds.size() * sizeof(int));
  }
  ASSERT_EQ(sendmsg(socket, &header, MSG_NOSIGNAL), static_cast<ssize_t>(size));
}

class Channel : public testing::Test {
 protected:
  Channel() : ends_(std::move(IpcChannel::pair()).value()) {}
  IpcChannel& here() { return ends_.first; }
  IpcChannel& there() { return ends_.second; }

 private:
  std::pair<IpcChannel, IpcChannel> ends_;
};

TEST_F(Channel, CarriesMessagesInOrder) {
  for (std::uint32_t i = 0; i < 3; ++i) ASSERT_TRUE(here().send(CrashNotice{i}).ok());
  for (std::uint32_t i = 0; i < 3; ++i) {
    const auto message = there().receive_message<CrashNotice>(1000);
    ASSERT_TRUE(message.ok()) << message.error().message;
    EXPECT_EQ(message->syscall, i);
  }
}

TEST_F(Channel, RefusesAnotherMessage) {
  ASSERT_TRUE(here().send(CrashNotice{1}).ok());
  EXPECT_FALSE(there().receive_message<HelloRequest>(1000).ok());
}

TEST_F(Channel, CarriesFdsClosedOnExec) {
  const UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::array<int, limits::kMaxIpcFds> fds = {null.get(), null.get(), null.get(), null.get()};
  ASSERT_TRUE(here().send(HelloRequest{}, fds).ok());
  std::vector<UniqueFd> received;
  ASSERT_TRUE(there().receive_message<HelloRequest>(1000, &received, fds.size()).ok());
  ASSERT_EQ(received.size(), fds.size());
  for (const UniqueFd& fd : received) {
    EXPECT_EQ(fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  }
}

TEST_F(Channel, RefusesTheWrongNumberOfFdsAndClosesThem) {
  const UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::size_t before = open_fds();
  for (const std::size_t count : {1U, 4U, 5U, 6U, 64U}) {
    send_raw(here().fd(), 1, std::vector<int>(count, null.get()));
    EXPECT_FALSE(there().receive_message<HelloRequest>(1000).ok()) << count;
    EXPECT_EQ(open_fds(), before) << count;
  }
  for (const std::size_t count : {5U, 6U, 64U}) {
    send_raw(here().fd(), 1, std::vector<int>(count, null.get()));
    EXPECT_FALSE(there().receive(1000).ok()) << count;
    EXPECT_EQ(open_fds(), before) << count;
  }
}

TEST_F(Channel, RefusesPacketsThatAreTooLong) {
  send_raw(here().fd(), limits::kMaxIpcMessage, {});
  const auto longest = there().receive(1000);
  ASSERT_TRUE(longest.ok());
  EXPECT_EQ((*longest)->bytes.size(), limits::kMaxIpcMessage);
  send_raw(here().fd(), limits::kMaxIpcMessage + 1, {});
  EXPECT_FALSE(there().receive(1000).ok());
}

TEST_F(Channel, NoticesThatThePeerHasGone) {
  here() = IpcChannel(UniqueFd());
  const auto packet = there().receive(1000);
  ASSERT_TRUE(packet.ok());
  EXPECT_FALSE(packet->has_value());
  EXPECT_FALSE(there().receive_message<HelloRequest>(1000).ok());
  EXPECT_FALSE(there().send(HelloRequest{}).ok());  // and no SIGPIPE
}

TEST_F(Channel, GivesUpWaiting) { EXPECT_FALSE(there().receive(10).ok()); }

TEST_F(Channel, IsClosedOnExec) {
  EXPECT_EQ(fcntl(here().fd(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(fcntl(there().fd(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

}  // namespace
}  // namespace ssh2incus::ipc
