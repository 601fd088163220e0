// --listen in all its forms.
#include "monitor/listening_sockets.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace ssh2incus {
namespace {

TEST(ListeningSockets, AreOpenedForEveryForm) {
  for (const char* listen : {":0", "127.0.0.1:0", "[::1]:0", "localhost:0"}) {
    auto sockets = open_listening_sockets(listen);
    ASSERT_TRUE(sockets.ok()) << listen << ": " << sockets.error().message;
    EXPECT_GE(sockets->size(), 1U);
  }
}

TEST(ListeningSockets, AreRefusedForWhatIsNoAddress) {
  for (const char* listen : {"", "2222", "::1:22", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:22x",
                             "no.such.host.invalid:22"}) {
    EXPECT_FALSE(open_listening_sockets(listen).ok()) << listen;
  }
}

TEST(ListeningSockets, SayThatAPortIsTaken) {
  auto first = open_listening_sockets("127.0.0.1:0");
  ASSERT_TRUE(first.ok());
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  ASSERT_EQ(getsockname(first->front().get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  auto second = open_listening_sockets("127.0.0.1:" + std::to_string(endpoint_of(address).port));
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("in use"), std::string::npos);
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
