// --listen in all its forms.
#include "monitor/listening_sockets.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "monitor/inherited_sockets.h"
#include "monitor/unix_listener.h"

namespace ssh2incus {
namespace {

Result<std::vector<UniqueFd>> opened(const std::string& listen) {
  std::vector<UniqueFd> none;
  return open_listening_sockets(listen, none);
}

sockaddr_storage address_of(const UniqueFd& socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  EXPECT_EQ(getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  return address;
}

class UnixSockets : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "sockets of root's in a directory of root's";
    std::string pattern = "/run/ssh2incus-test-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  [[nodiscard]] std::string path() const { return directory_.string() + "/socket"; }
  std::filesystem::path directory_;
};

TEST(ListeningSockets, AreOpenedForEveryForm) {
  for (const char* listen : {":0", "127.0.0.1:0", "[::1]:0", "localhost:0"}) {
    auto sockets = opened(listen);
    ASSERT_TRUE(sockets.ok()) << listen << ": " << sockets.error().message;
    EXPECT_GE(sockets->size(), 1U);
  }
}

TEST(ListeningSockets, AreRefusedForWhatIsNoAddress) {
  for (const char* listen : {"", "2222", "::1:22", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:22x",
                             "no.such.host.invalid:22"}) {
    EXPECT_FALSE(opened(listen).ok()) << listen;
  }
}

TEST(ListeningSockets, SayThatAPortIsTaken) {
  auto first = opened("127.0.0.1:0");
  ASSERT_TRUE(first.ok());
  auto second = opened(listen_text(first->front()));
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("in use"), std::string::npos);
}

TEST(ListeningSockets, AreTakenFromWhatIsOpenInsteadOfOpenedAgain) {
  auto first = opened("127.0.0.1:0");
  ASSERT_TRUE(first.ok());
  const int fd = first->front().get();
  const std::string listen = listen_text(first->front());
  EXPECT_EQ(listen, "127.0.0.1:" + std::to_string(endpoint_of(address_of(first->front())).port));
  std::vector<UniqueFd> open = std::move(*first);
  auto again = open_listening_sockets(listen, open);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->front().get(), fd);
  EXPECT_TRUE(open.empty());
}

TEST_F(UnixSockets, HaveTheModeAndTheGroupThatAreAskedFor) {
  const group* users = getgrnam("users");
  ASSERT_NE(users, nullptr);
  auto sockets = opened("unix:" + path() + ",mode=0660,group=users");
  ASSERT_TRUE(sockets.ok()) << sockets.error().message;
  struct stat status {};
  ASSERT_EQ(stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0660U);
  EXPECT_EQ(status.st_uid, 0U);
  EXPECT_EQ(status.st_gid, users->gr_gid);
  EXPECT_EQ(listen_text(sockets->front()), "unix:" + path());
}

TEST_F(UnixSockets, ReplaceADeadOneOnly) {
  auto first = opened("unix:" + path());
  ASSERT_TRUE(first.ok()) << first.error().message;
  const auto second = opened("unix:" + path());
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("somebody listens"), std::string::npos);
  first->clear();  // nobody listens any more, its file stays
  EXPECT_TRUE(opened("unix:" + path()).ok());
}

TEST_F(UnixSockets, NeverReplaceWhatIsNoSocketOfOurs) {
  std::ofstream(path()) << "precious";
  EXPECT_FALSE(opened("unix:" + path()).ok());
  EXPECT_EQ(std::filesystem::file_size(path()), 8U);
  std::filesystem::remove(path());
  ASSERT_TRUE(opened("unix:" + path()).ok());
  ASSERT_EQ(chown(path().c_str(), 65534, 65534), 0);
  EXPECT_FALSE(opened("unix:" + path()).ok());
}

TEST_F(UnixSockets, AreNotPutWhereOthersCanChangeThem) {
  std::filesystem::permissions(directory_, std::filesystem::perms(0777));
  const auto refused = opened("unix:" + path());
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("can be written by others"), std::string::npos);
  EXPECT_FALSE(opened("unix:/no/such/directory/socket").ok());
}

TEST(ActivationSockets, AreThisProcesssOnlyAndListen) {
  setenv("LISTEN_FDS", "1", 1);
  setenv("LISTEN_PID", std::to_string(getpid() + 1).c_str(), 1);
  auto none = activation_sockets();
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(none->empty());
  EXPECT_EQ(getenv("LISTEN_FDS"), nullptr);
  for (const char* count : {"x", "", "-1", "0", "99999999999"}) {
    setenv("LISTEN_FDS", count, 1);
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    auto sockets = activation_sockets();
    EXPECT_TRUE(sockets.ok() && sockets->empty()) << count;
  }
  setenv("LISTEN_FDS", "1000", 1);
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_FALSE(activation_sockets().ok());
}

TEST(Endpoint, OfAUnixSocketIsNoAddress) {
  sockaddr_storage storage{};
  storage.ss_family = AF_UNIX;
  EXPECT_EQ(endpoint_of(storage).address, "UNKNOWN");
  EXPECT_EQ(to_text(endpoint_of(storage)), "unknown");
}

TEST(Endpoint, ShowsMappedAddressesAsIpv4) {
  sockaddr_storage storage{};
  auto& address = reinterpret_cast<sockaddr_in6&>(storage);
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(22);
  address.sin6_addr.s6_addr[10] = 0xff;
  address.sin6_addr.s6_addr[11] = 0xff;
  address.sin6_addr.s6_addr[12] = 192;
  address.sin6_addr.s6_addr[15] = 7;
  EXPECT_EQ(to_text(endpoint_of(storage)), "192.0.0.7:22");
}

}  // namespace
}  // namespace ssh2incus
