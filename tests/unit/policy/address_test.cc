// Addresses, networks and lists of them.
#include <gtest/gtest.h>

#include "policy/ip_address.h"

namespace ssh2incus {
namespace {

TEST(Address, HasOneTextPerAddress) {
  struct Row {
    const char* text;
    const char* normal;
  };
  const Row rows[] = {{"192.0.2.1", "192.0.2.1"},
                      {"::1", "::1"},
                      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
                      {"::ffff:192.0.2.1", "192.0.2.1"},
                      {"fe80::1%eth0", "fe80::1"}};
  for (const Row& row : rows) {
    const auto address = IpAddress::parse(row.text);
    ASSERT_TRUE(address) << row.text;
    EXPECT_EQ(address->text(), row.normal);
    EXPECT_EQ(address->is_ipv6(), std::string(row.normal).find(':') != std::string::npos);
  }
}

TEST(Address, RefusesOtherTexts) {
  for (const std::string& text :
       {std::string(), std::string("localhost"), std::string("192.0.2"), std::string("192.0.2.256"),
        std::string("192.0.2.1 "), std::string("192.0.2.1\0", 10), std::string("::1%"),
        std::string("192.0.2.1%eth0"), std::string("[::1]"), std::string("1::2::3")}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

TEST(Address, IsMaskedBitByBit) {
  struct Row {
    const char* text;
    unsigned bits;
    const char* masked;
  };
  const Row rows[] = {
      {"255.255.255.255", 0, "0.0.0.0"},          {"255.255.255.255", 1, "128.0.0.0"},
      {"255.255.255.255", 8, "255.0.0.0"},        {"255.255.255.255", 31, "255.255.255.254"},
      {"255.255.255.255", 32, "255.255.255.255"}, {"2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::"},
      {"ffff::ffff", 127, "ffff::fffe"},          {"ffff::ffff", 128, "ffff::ffff"}};
  for (const Row& row : rows) {
    EXPECT_EQ(IpAddress::parse(row.text)->masked(row.bits).text(), row.masked);
  }
}

TEST(Address, ListsAreChecked) {
  for (const char* list :
       {"10.0.0.0/8", "10.0.0.1,::1", "!10.0.0.1,*", "host.example.org", "::/0"}) {
    EXPECT_EQ(why_not_address_list(list), "") << list;
  }
  for (const char* list : {"", ",", "a,", "!", "10.0.0.0/33", "10.0.0.1/31", "a/b", "::1/", "::/-1",
                           "10.0.0.0/+8", "10.0.0.0/8 "}) {
    EXPECT_NE(why_not_address_list(list), "") << list;
    EXPECT_EQ(match_address_list(*IpAddress::parse("10.0.0.1"), list), AddressMatch::kNoMatch);
  }
}

TEST(Address, NegatedEntriesWin) {
  const IpAddress address = *IpAddress::parse("10.0.0.1");
  EXPECT_EQ(match_address_list(address, "10.0.0.0/8,!10.0.0.1"), AddressMatch::kNegatedMatch);
  EXPECT_EQ(match_address_list(address, "!10.0.0.1,10.0.0.0/8"), AddressMatch::kNegatedMatch);
  EXPECT_EQ(match_address_list(address, "10.0.0.0/8,!10.0.0.2"), AddressMatch::kMatch);
  EXPECT_EQ(match_address_list(address, "!10.0.0.2"), AddressMatch::kNoMatch);
}

}  // namespace
}  // namespace ssh2incus
