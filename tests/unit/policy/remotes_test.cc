// Addresses of remotes, and which of them a login means.
#include "policy/remotes.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

constexpr const char* kSocket = "/var/lib/incus/unix.socket";

RemoteEntry entry(const std::string& address) {
  RemoteEntry entry;
  entry.name = "x";
  entry.address = address;
  return entry;
}
Remote remote(const std::string& address) { return remote_of(entry(address), kSocket); }

Remotes some_remotes() {
  Remotes remotes;
  remotes.by_name["local"].socket_path = kSocket;
  Remote& prod = remotes.by_name["prod"];
  prod.host = "prod.example";
  prod.port = 8443;
  prod.project = "web";
  remotes.by_name["images"].refusal = "it is an image server and has no instances";
  return remotes;
}
LoginTarget resolved(const Remotes& remotes, const char* login) {
  return resolve_target(remotes, *parse_login(login));
}

TEST(Remotes, ReadAddressesAsTheClientDoes) {
  for (const char* address : {"unix:", "unix://"}) {
    EXPECT_EQ(remote(address).socket_path, kSocket) << address;
  }
  for (const char* address : {"unix:/run/i", "unix:///run/i"}) {
    EXPECT_EQ(remote(address).socket_path, "/run/i") << address;
    EXPECT_FALSE(remote(address).is_network());
  }
  const std::vector<std::tuple<const char*, const char*, int>> good = {
      {"https://h:1", "h", 1},
      {"https://h.example:8443/", "h.example", 8443},
      {"https://192.0.2.1:8443", "192.0.2.1", 8443},
      {"https://[2001:db8::1]:8443", "2001:db8::1", 8443},
      {"https://[2001:db8::1]", "2001:db8::1", 443},
      {"https://h", "h", 443}};
  for (const auto& [address, host, port] : good) {
    const Remote found = remote(address);
    EXPECT_EQ(found.refusal, "") << address;
    EXPECT_EQ(found.host, host) << address;
    EXPECT_EQ(found.port, port) << address;
    EXPECT_TRUE(found.is_network()) << address;
  }
}

TEST(Remotes, RefuseAddressesThatAreNone) {
  for (const char* address : {"",
                              "h",
                              "http://h",
                              "https://",
                              "https://:1",
                              "https://h:0",
                              "https://h:65536",
                              "https://h:1x",
                              "https://h:",
                              "https://h/path",
                              "https://u@h",
                              "https://h h",
                              "https://-h",
                              "https://[::1",
                              "https://[h]",
                              "https://[127.0.0.1]",
                              "https://[::1]x",
                              "https://[::1]:",
                              "https://h\n:1",
                              "unix:relative",
                              "https://h?x",
                              "https://h,g:1"}) {
    const Remote found = remote(address);
    EXPECT_NE(found.refusal, "") << address;
    EXPECT_FALSE(found.is_network()) << address;
    EXPECT_TRUE(found.socket_path.empty()) << address;
  }
  EXPECT_NE(remote("unix:/" + std::string(200, 'x')).refusal, "");
  EXPECT_NE(remote("https://" + std::string(254, 'x')).refusal, "");
  EXPECT_NE(remote_of(entry("unix://"), "").refusal, "");
}

TEST(Remotes, RefuseWhatCannotBeLoggedInTo) {
  RemoteEntry images = entry("https://images.example");
  images.protocol = "simplestreams";
  EXPECT_NE(remote_of(images, kSocket).refusal.find("image server"), std::string::npos);
  RemoteEntry open = entry("https://h:1");
  open.is_public = true;
  EXPECT_NE(remote_of(open, kSocket).refusal.find("image server"), std::string::npos);
  RemoteEntry oidc = entry("https://h:1");
  oidc.auth_type = "oidc";
  EXPECT_NE(remote_of(oidc, kSocket).refusal.find("oidc"), std::string::npos);
  RemoteEntry project = entry("https://h:1");
  project.project = "../x";
  EXPECT_NE(remote_of(project, kSocket).refusal.find("project"), std::string::npos);
}

TEST(Remotes, OfALoginAreNamedOnceResolved) {
  Remotes remotes = some_remotes();
  EXPECT_EQ(resolved(remotes, "c1").remote->str(), "local");
  EXPECT_FALSE(resolved(remotes, "c1").project.has_value());
  EXPECT_EQ(resolved(remotes, "prod:c1").remote->str(), "prod");
  EXPECT_EQ(resolved(remotes, "prod:c1").project->str(), "web");
  EXPECT_EQ(resolved(remotes, "prod:c1.other").project->str(), "other");
  EXPECT_EQ(resolved(remotes, "nowhere:c1").remote->str(), "nowhere");
  EXPECT_FALSE(resolved(remotes, "nowhere:c1").project.has_value());
  remotes.default_name = "prod";
  EXPECT_EQ(resolved(remotes, "c1").remote->str(), "prod");
  EXPECT_EQ(resolved(remotes, "c1").project->str(), "web");
  EXPECT_EQ(resolved(remotes, "local:c1").remote->str(), "local");
  EXPECT_FALSE(resolved(remotes, "local:c1").project.has_value());
  EXPECT_EQ(resolved(remotes, "alice@c1+bob").host_user.str(), "bob");
  EXPECT_FALSE(resolved(remotes, "%shell").remote.has_value());
}

TEST(Remotes, SayWhyTheyCannotBeUsed) {
  const Remotes remotes = some_remotes();
  for (const char* login : {"c1", "local:c1", "prod:c1"}) {
    EXPECT_EQ(why_not_remote(remotes, resolved(remotes, login)), "") << login;
  }
  EXPECT_EQ(why_not_remote(remotes, resolved(remotes, "nowhere:c1")), "there is no remote nowhere");
  EXPECT_NE(why_not_remote(remotes, resolved(remotes, "images:c1")).find("image server"),
            std::string::npos);
}

}  // namespace
}  // namespace ssh2incus
