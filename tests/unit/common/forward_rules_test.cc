// What a forward grant allows: patterns, addresses, ports.
#include "common/forward_rules.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

ForwardGrant open_grant() {
  ForwardGrant grant;
  grant.local = grant.remote = true;
  return grant;
}

ForwardPatterns patterns(const std::vector<std::string>& texts) {
  std::vector<ForwardPattern> list;
  for (const auto& text : texts) list.emplace_back(text);
  return list;
}

bool may_connect(const ForwardGrant& grant, const std::string& host, std::uint16_t port) {
  return why_not_connect(grant, {.host = host, .port = port, .path = {}}).empty();
}

bool may_reach(const ForwardGrant& grant, const Bytes& address, std::uint16_t port = 80) {
  return why_not_address(grant, address, port).empty();
}

bool may_listen(const ForwardGrant& grant, const std::string& host, std::uint16_t port) {
  return why_not_listen(grant, {.host = host, .port = port, .path = {}}).empty();
}

Bytes mapped(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d};
}

TEST(ForwardRules, AGrantAllowsNothingByItself) {
  const ForwardGrant grant;
  EXPECT_FALSE(may_connect(grant, "localhost", 80));
  EXPECT_FALSE(may_listen(grant, "localhost", 80));
  EXPECT_FALSE(why_not_connect(grant, {.host = {}, .port = 0, .path = std::string("/s")}).empty());
  EXPECT_FALSE(why_not_listen(grant, {.host = {}, .port = 0, .path = std::string("/s")}).empty());
}

TEST(ForwardRules, PermittedHostsMatchAsTheyWereSent) {
  EXPECT_TRUE(matches_permitted("localhost:80", "LocalHost", 80));
  EXPECT_FALSE(matches_permitted("localhost:80", "127.0.0.1", 80));
  EXPECT_FALSE(matches_permitted("localhost:80", "localhost", 81));
  EXPECT_TRUE(matches_permitted("localhost:*", "localhost", 81));
  EXPECT_TRUE(matches_permitted("*:80", "anything", 80));
  EXPECT_FALSE(matches_permitted("loc*:80", "localhost", 80));
  EXPECT_TRUE(matches_permitted("[::1]:80", "::1", 80));
  EXPECT_TRUE(matches_permitted("[::1]:80", "[::1]", 80));
  EXPECT_FALSE(matches_permitted("localhost:080", "localhost", 80));
  EXPECT_FALSE(matches_permitted("localhost", "localhost", 80));
  EXPECT_FALSE(matches_permitted("", "", 0));
}

TEST(ForwardRules, PermittedPathsAreWholePathsOrEverything) {
  EXPECT_TRUE(matches_permitted_path("/run/x.sock", "/run/x.sock"));
  EXPECT_TRUE(matches_permitted_path("/run/x.sock:*", "/run/x.sock"));
  EXPECT_TRUE(matches_permitted_path("*:*", "/run/x.sock"));
  EXPECT_FALSE(matches_permitted_path("*:80", "/run/x.sock"));
  EXPECT_FALSE(matches_permitted_path("/run/x.sock", "/run/x.sockets"));
}

TEST(ForwardRules, KeyAndPolicyMustBothAgree) {
  auto grant = open_grant();
  EXPECT_TRUE(may_connect(grant, "anywhere", 1));
  grant.permit_open = patterns({"a:1", "b:2"});
  EXPECT_TRUE(may_connect(grant, "b", 2));
  EXPECT_FALSE(may_connect(grant, "a", 2));
  grant.local_to = patterns({"b*:*"});
  EXPECT_TRUE(may_connect(grant, "b", 2));
  EXPECT_FALSE(may_connect(grant, "a", 1));
}

TEST(ForwardRules, PolicyPatternsHaveWildcards) {
  EXPECT_TRUE(matches_forward_to("*.example:443", "www.EXAMPLE", 443));
  EXPECT_TRUE(matches_forward_to("10.0.0.?:*", "10.0.0.7", 5));
  EXPECT_FALSE(matches_forward_to("10.0.0.?:*", "10.0.0.77", 5));
  EXPECT_TRUE(matches_forward_to("a*b*c:1", "axxbyybzzc", 1));
  EXPECT_FALSE(matches_forward_to("a*b*c:1", "axxbyybzz", 1));
  EXPECT_TRUE(matches_forward_to("*:*", "", 1));
  EXPECT_FALSE(matches_forward_to("?:1", "", 1));
  EXPECT_TRUE(matches_forward_to("[fd00::*]:1", "fd00::9", 1));
}

TEST(ForwardRules, APolicyOfHostsAllowsNoPaths) {
  auto grant = open_grant();
  const OpenConnection wish{.host = {}, .port = 0, .path = std::string("/s")};
  EXPECT_EQ(why_not_connect(grant, wish), "");
  grant.local_to = patterns({"localhost:*"});
  EXPECT_NE(why_not_connect(grant, wish), "");
  grant.local_to = patterns({"*:*"});
  EXPECT_EQ(why_not_connect(grant, wish), "");
}

TEST(ForwardRules, DeniedNetworksHoldWhateverFormTheAddressHas) {
  auto grant = open_grant();
  grant.denied = std::vector<DeniedNetwork>{{Bytes{169, 254, 0, 0}, 16, 0}};
  EXPECT_FALSE(may_reach(grant, {169, 254, 169, 254}));
  EXPECT_FALSE(may_reach(grant, mapped(169, 254, 169, 254)));
  EXPECT_TRUE(may_reach(grant, {169, 253, 255, 255}));
  EXPECT_TRUE(may_reach(grant, {169, 255, 0, 0}));
  EXPECT_TRUE(may_reach(grant, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 169, 254, 1, 1}));
}

TEST(ForwardRules, UnspecifiedAddressesAreLoopback) {
  auto grant = open_grant();
  grant.denied = std::vector<DeniedNetwork>{{Bytes{127, 0, 0, 0}, 8, 0}};
  EXPECT_FALSE(may_reach(grant, {0, 0, 0, 0}));
  EXPECT_FALSE(may_reach(grant, mapped(0, 0, 0, 0)));
  Bytes loopback(16, 0);
  EXPECT_TRUE(may_reach(grant, loopback));
  loopback.back() = 1;
  grant.denied = std::vector<DeniedNetwork>{{loopback, 128, 0}};
  EXPECT_FALSE(may_reach(grant, Bytes(16, 0)));
  EXPECT_TRUE(may_reach(grant, {127, 0, 0, 1}));
}

TEST(ForwardRules, PrefixesEndAtAnyBit) {
  for (unsigned bits = 0; bits <= 32; ++bits) {
    auto grant = open_grant();
    grant.denied =
        std::vector<DeniedNetwork>{{Bytes{10, 0, 0, 0}, static_cast<std::uint8_t>(bits), 0}};
    for (unsigned flipped = 0; flipped < 32; ++flipped) {
      Bytes address{10, 0, 0, 0};
      address[flipped / 8] =
          static_cast<std::uint8_t>(address[flipped / 8] ^ (0x80U >> flipped % 8));
      EXPECT_EQ(may_reach(grant, address), flipped < bits) << bits << " " << flipped;
    }
  }
}

TEST(ForwardRules, NonsenseInAGrantDeniesNothingElse) {
  auto grant = open_grant();
  grant.denied = std::vector<DeniedNetwork>{{Bytes{}, 0, 0}, {Bytes{10, 0, 0, 0}, 33, 0}};
  EXPECT_TRUE(may_reach(grant, {10, 0, 0, 0}));
}

TEST(ForwardRules, DeniedPortsAreThoseAlone) {
  auto grant = open_grant();
  grant.denied = std::vector<DeniedNetwork>{{Bytes{10, 0, 0, 1}, 32, 8443}};
  EXPECT_FALSE(may_reach(grant, {10, 0, 0, 1}, 8443));
  EXPECT_TRUE(may_reach(grant, {10, 0, 0, 1}, 443));
}

TEST(ForwardRules, ListenersNeedTheirPortAndHost) {
  auto grant = open_grant();
  EXPECT_TRUE(may_listen(grant, "", 0));
  grant.remote_ports = std::vector<GrantedPorts>{{8000, 8010}, {9000, 9000}};
  EXPECT_TRUE(may_listen(grant, "", 8010));
  EXPECT_TRUE(may_listen(grant, "", 9000));
  EXPECT_FALSE(may_listen(grant, "", 8011));
  EXPECT_FALSE(may_listen(grant, "", 0));
  grant.permit_listen = patterns({"*:8001", "localhost:8002"});
  EXPECT_TRUE(may_listen(grant, "0.0.0.0", 8001));
  EXPECT_TRUE(may_listen(grant, "localhost", 8002));
  EXPECT_FALSE(may_listen(grant, "", 8002));
}

}  // namespace
}  // namespace ssh2incus
