// Flags of forwarding, and the grant that they make with key and access rule.
#include "policy/forward_settings.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

Result<ForwardDenial> parse(const std::vector<std::string>& entries) {
  return parse_forward_denial(entries);
}

AccessGrant everything() {
  AccessGrant access;
  access.actions = ActionSet::all();
  return access;
}

TEST(ForwardSettings, ReadsWhatIsDenied) {
  const auto denial = parse({"169.254.0.0/16", "10.1.2.3:8443", "fe80::/10", "[fd00::/8]:443",
                             "[::2]", "incus-sockets", "host", "host:8443"});
  ASSERT_TRUE(denial.ok()) << denial.error().message;
  EXPECT_TRUE(denial->incus_sockets);
  EXPECT_EQ(denial->host_ports, (std::vector<std::uint16_t>{0, 8443}));
  ASSERT_EQ(denial->networks.size(), 5U);
  EXPECT_EQ(denial->networks[0], (DeniedNetwork{Bytes{169, 254, 0, 0}, 16, 0}));
  EXPECT_EQ(denial->networks[1], (DeniedNetwork{Bytes{10, 1, 2, 3}, 32, 8443}));
  EXPECT_EQ(denial->networks[2].prefix_bits, 10);
  EXPECT_EQ(denial->networks[2].port, 0);
  EXPECT_EQ(denial->networks[3].port, 443);
  EXPECT_EQ(denial->networks[4].prefix_bits, 128);
}

TEST(ForwardSettings, NoneStandsAlone) {
  const auto none = parse({"none"});
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(none->networks.empty());
  EXPECT_FALSE(none->incus_sockets);
  EXPECT_FALSE(parse({"none", "host"}).ok());
}

TEST(ForwardSettings, RefusesWhatItDoesNotUnderstand) {
  for (const char* entry : {"", "example.org", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.1:",
                            "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:http", "[::1", "[::1]x",
                            "[::1]:", "[::1]:0", "host:", "host:x", "hosts", "Incus-Sockets"}) {
    EXPECT_FALSE(parse({entry}).ok()) << entry;
  }
}

TEST(ForwardSettings, AddressesOfTheHostAreDeniedButLoopback) {
  const std::vector<IpAddress> own = {*IpAddress::parse("127.0.0.1"), *IpAddress::parse("::1"),
                                      *IpAddress::parse("10.0.0.1"), *IpAddress::parse("fe80::1")};
  const std::vector<std::uint16_t> ports = {22, 8443};
  const auto networks = denied_host_addresses(own, ports);
  ASSERT_EQ(networks.size(), 4U);
  EXPECT_EQ(networks[0], (DeniedNetwork{Bytes{10, 0, 0, 1}, 32, 22}));
  EXPECT_EQ(networks[3].prefix_bits, 128);
  EXPECT_EQ(networks[3].port, 8443);
}

TEST(ForwardSettings, EachOfFlagKeyAndRuleCanTakeAway) {
  for (int taken = 0; taken < 8; ++taken) {
    ForwardSettings settings;
    settings.x11 = true;
    KeyGrant key;
    auto access = everything();
    if ((taken & 1) != 0) {
      settings.local = settings.remote = settings.agent = settings.x11 = false;
    }
    if ((taken & 2) != 0) {
      key.port_forwarding = key.agent_forwarding = key.x11_forwarding = false;
    }
    if ((taken & 4) != 0) access.actions = {Action::kShell};
    const auto grant = forward_grant(settings, key, access);
    ASSERT_TRUE(grant.ok());
    EXPECT_EQ(grant->local, taken == 0);
    EXPECT_EQ(grant->remote, taken == 0);
    EXPECT_EQ(grant->agent, taken == 0);
    EXPECT_EQ(grant->x11, (taken & 3) == 0);  // no action of its own
  }
}

TEST(ForwardSettings, TheGrantHasAllLimits) {
  ForwardSettings settings;
  settings.gateway_ports = GatewayPorts::kYes;
  settings.denied = *parse({"10.0.0.0/8", "incus-sockets"});
  KeyGrant key;
  key.permit_open = std::vector<ForwardingRule>{std::string("a:1")};
  key.permit_listen = std::vector<ForwardingRule>{std::string("*:2")};
  auto access = everything();
  access.local_forward_to = {"b:*"};
  access.remote_forward_ports = {{3, 4}};
  const auto grant = forward_grant(settings, key, access);
  ASSERT_TRUE(grant.ok());
  EXPECT_EQ(*grant->permit_open->at(0), "a:1");
  EXPECT_EQ(*grant->permit_listen->at(0), "*:2");
  EXPECT_EQ(*grant->local_to->at(0), "b:*");
  EXPECT_EQ(grant->remote_ports->at(0), (GrantedPorts{3, 4}));
  EXPECT_EQ(grant->denied.size(), 1U);
  EXPECT_FALSE(grant->incus_sockets);
  EXPECT_EQ(grant->gateway_ports, GatewayPorts::kYes);
}

TEST(ForwardSettings, WhatDoesNotFitIsAnError) {
  auto access = everything();
  access.remote_forward_ports.resize(257);
  EXPECT_FALSE(forward_grant({}, {}, access).ok());
  access = everything();
  access.local_forward_to.resize(1025, "a:1");
  EXPECT_FALSE(forward_grant({}, {}, access).ok());
  ForwardSettings settings;
  settings.denied.networks.resize(257);
  EXPECT_FALSE(forward_grant(settings, {}, everything()).ok());
}

}  // namespace
}  // namespace ssh2incus
