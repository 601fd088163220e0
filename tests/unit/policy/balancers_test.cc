// Who may say by a PROXY header who the client is.
#include "policy/balancers.h"

#include <gtest/gtest.h>

#include <vector>

namespace ssh2incus {
namespace {

std::optional<IpAddress> ip(const char* text) { return IpAddress::parse(text); }

TEST(Balancers, AreNobodyUnlessListed) {
  for (const auto& peer : {ip("127.0.0.1"), ip("::1"), std::optional<IpAddress>()}) {
    EXPECT_FALSE(Balancers().include(peer));
    EXPECT_FALSE(Balancers::parse({})->include(peer));
  }
}

TEST(Balancers, AreTheListedNetworksAndUnixSockets) {
  const std::vector<std::string> entries = {"192.0.2.0/24", "!192.0.2.7", "2001:db8::1"};
  const auto networks = Balancers::parse(entries);
  ASSERT_TRUE(networks.ok());
  EXPECT_TRUE(networks->include(ip("192.0.2.1")));
  EXPECT_TRUE(networks->include(ip("::ffff:192.0.2.1")));
  EXPECT_TRUE(networks->include(ip("2001:db8::1")));
  EXPECT_FALSE(networks->include(ip("192.0.2.7")));
  EXPECT_FALSE(networks->include(ip("2001:db8::2")));
  EXPECT_FALSE(networks->include(std::nullopt));
  const std::vector<std::string> socket = {"unix"};
  EXPECT_TRUE(Balancers::parse(socket)->include(std::nullopt));
  EXPECT_FALSE(Balancers::parse(socket)->include(ip("0.0.0.0")));
}

TEST(Balancers, RefuseWhatIsNoAddress) {
  for (const char* entry : {"", "example/24", "10.0.0.1/8", "10.0.0.0/33"}) {
    const std::vector<std::string> entries = {entry};
    EXPECT_FALSE(Balancers::parse(entries).ok()) << entry;
  }
}

}  // namespace
}  // namespace ssh2incus
