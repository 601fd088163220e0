// --listen in all its forms, and which of them others than this host can reach.
#include "policy/listen_address.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

TEST(ListenAddress, IsHostAndPort) {
  for (const auto& [text, host, port] :
       std::vector<std::tuple<const char*, const char*, const char*>>{
           {":22", "", "22"},
           {"example.org:22", "example.org", "22"},
           {"[::1]:0", "::1", "0"},
           {"127.0.0.1:65535", "127.0.0.1", "65535"}}) {
    const auto parsed = parse_listen_address(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(std::get<TcpListenAddress>(*parsed).host, host);
    EXPECT_EQ(std::get<TcpListenAddress>(*parsed).port, port);
  }
}

TEST(ListenAddress, IsAUnixSocketWithModeAndGroup) {
  const auto plain = parse_listen_address("unix:/run/s");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(std::get<UnixListenAddress>(*plain).path, "/run/s");
  EXPECT_EQ(std::get<UnixListenAddress>(*plain).mode, 0600U);
  EXPECT_EQ(std::get<UnixListenAddress>(*plain).group, "");
  const auto full = parse_listen_address("unix:/run/s,mode=660,group=haproxy");
  ASSERT_TRUE(full.ok());
  EXPECT_EQ(std::get<UnixListenAddress>(*full).mode, 0660U);
  EXPECT_EQ(std::get<UnixListenAddress>(*full).group, "haproxy");
}

TEST(ListenAddress, RefusesEverythingElse) {
  const std::string long_path = "unix:/" + std::string(107, 'x');
  for (const char* text :
       {"", "22", "::1:22", "h:", "h:65536", "h:-1", "h: 1", "h:22x", "unix:", "unix:run/s",
        "unix:/run/", "unix:/run/s,", "unix:/s,mode=", "unix:/s,mode=1000", "unix:/s,mode=0668",
        "unix:/s,group=", "unix:/s,group=a b", "unix:/s,user=x", long_path.c_str()}) {
    EXPECT_FALSE(parse_listen_address(text).ok()) << text;
  }
}

TEST(ListenAddress, IsOnThisHostOnlyIfItIsLoopbackOrUnix) {
  for (const auto& [text, only] :
       std::vector<std::pair<const char*, bool>>{{"127.0.0.1:1", true},
                                                 {"127.9.9.9:1", true},
                                                 {"[::1]:1", true},
                                                 {"unix:/run/s", true},
                                                 {":1", false},
                                                 {"0.0.0.0:1", false},
                                                 {"[::]:1", false},
                                                 {"localhost:1", false},
                                                 {"192.0.2.1:1", false}}) {
    EXPECT_EQ(is_on_this_host_only(*parse_listen_address(text)), only) << text;
  }
}

}  // namespace
}  // namespace ssh2incus
