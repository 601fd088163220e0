// What name services say, honest and hostile.
#include "guest/name_answers.h"

#include <gtest/gtest.h>

namespace ssh2incus::guest {
namespace {

std::vector<std::string> texts(const std::vector<NetworkAddress>& addresses) {
  std::vector<std::string> list;
  for (const auto& address : addresses) list.push_back(address.text());
  return list;
}

using Texts = std::vector<std::string>;

TEST(NameAnswers, HostNamesHaveBoundedLabels) {
  EXPECT_TRUE(is_host_name("localhost"));
  EXPECT_TRUE(is_host_name("a.b-c.example."));
  EXPECT_TRUE(is_host_name("under_score"));
  EXPECT_TRUE(is_host_name(std::string(63, 'a')));
  for (const auto& name : {std::string(), std::string("."), std::string("-n"), std::string("a..b"),
                           std::string("a b"), std::string("a\nb"), std::string(64, 'a'),
                           std::string("a\0b", 3), std::string("\xc3\xa9")}) {
    EXPECT_FALSE(is_host_name(name)) << name;
  }
}

TEST(NameAnswers, HostsFileGivesAllAddressesOfAName) {
  constexpr std::string_view kHosts =
      "# comment\n127.0.0.1\tlocalhost one # two\n::1 LOCALHOST\nnonsense one\n10.0.0.1 three one";
  EXPECT_EQ(texts(find_in_hosts(kHosts, "localhost")), (Texts{"127.0.0.1", "::1"}));
  EXPECT_EQ(texts(find_in_hosts(kHosts, "One.")), (Texts{"127.0.0.1", "10.0.0.1"}));
  EXPECT_TRUE(find_in_hosts(kHosts, "two").empty());
  EXPECT_TRUE(find_in_hosts("", "x").empty());
}

TEST(NameAnswers, AhostsListsEachAddressOnce) {
  constexpr std::string_view kOutput =
      "10.0.0.1       STREAM name\n10.0.0.1       DGRAM\n10.0.0.1       RAW\nfd00::1 STREAM\nx\n";
  EXPECT_EQ(texts(parse_ahosts(kOutput)), (Texts{"10.0.0.1", "fd00::1"}));
}

TEST(NameAnswers, AddressesOfOneNameAreBounded) {
  std::string many;
  for (int i = 0; i < 200; ++i) many += "10.0.0." + std::to_string(i) + "\n";
  EXPECT_EQ(parse_ahosts(many).size(), kMaxAddresses);
}

TEST(NameAnswers, ResolvConfNamesServersAndDomains) {
  const auto settings = parse_resolv_conf(
      "domain old\nsearch a.example b.example -bad\n#nameserver 9.9.9.9\nnameserver 10.0.0.1\n"
      "nameserver x\nnameserver fd00::53\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n");
  EXPECT_EQ(texts(settings.servers), (Texts{"10.0.0.1", "fd00::53", "10.0.0.2"}));
  EXPECT_EQ(settings.search, (Texts{"a.example", "b.example"}));
  EXPECT_EQ(texts(parse_resolv_conf("").servers), Texts{"127.0.0.1"});
}

Bytes answer_to(const Bytes& query, std::uint8_t code, std::uint8_t answers, const Bytes& records) {
  Bytes message = query;
  message[2] = 0x81;
  message[3] = static_cast<std::uint8_t>(0x80 | code);
  message[7] = answers;
  message.insert(message.end(), records.begin(), records.end());
  return message;
}

const Bytes kAddressRecord = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 7};

TEST(NameAnswers, DnsAnswersHaveAddressesBehindAliases) {
  const Bytes query = dns_query(7, "www.example.", DnsType::kA);
  Bytes records = {0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 3, 1, 'x', 0};  // a CNAME
  records.insert(records.end(), kAddressRecord.begin(), kAddressRecord.end());
  const auto answer = parse_dns_answer(answer_to(query, 0, 2, records), query);
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->failed);
  EXPECT_EQ(texts(answer->addresses), Texts{"10.0.0.7"});
}

TEST(NameAnswers, DnsFailuresAndUnknownNamesDiffer) {
  const Bytes query = dns_query(7, "x", DnsType::kAaaa);
  EXPECT_TRUE(parse_dns_answer(answer_to(query, 2, 0, {}), query)->failed);
  EXPECT_FALSE(parse_dns_answer(answer_to(query, 3, 0, {}), query)->failed);
}

TEST(NameAnswers, AnswersToOtherQuestionsAreNone) {
  const Bytes query = dns_query(7, "x", DnsType::kA);
  EXPECT_FALSE(parse_dns_answer(query, query).has_value());  // no answer at all
  EXPECT_FALSE(
      parse_dns_answer(answer_to(dns_query(8, "x", DnsType::kA), 0, 0, {}), query).has_value());
  EXPECT_FALSE(
      parse_dns_answer(answer_to(dns_query(7, "y", DnsType::kA), 0, 0, {}), query).has_value());
}

TEST(NameAnswers, TruncatedAnswersEndWhereTheyEnd) {
  const Bytes query = dns_query(7, "x", DnsType::kA);
  const Bytes whole = answer_to(query, 0, 1, kAddressRecord);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto answer = parse_dns_answer(std::span(whole).first(size), query);
    if (answer) {
      EXPECT_TRUE(answer->addresses.empty()) << size;
    }
  }
  const Bytes claims_more = answer_to(query, 0, 255, kAddressRecord);
  EXPECT_EQ(parse_dns_answer(claims_more, query)->addresses.size(), 1U);
}

TEST(NameAnswers, AddressesAreParsedInEveryForm) {
  EXPECT_EQ(NetworkAddress::parse("[::1]")->text(), "::1");
  EXPECT_EQ(NetworkAddress::parse("fe80::1%lo")->scope, 1U);
  for (const char* text : {"", "1.2.3", "1.2.3.4%lo", "::1%nowhere", "[::1", "1.2.3.4 "}) {
    EXPECT_FALSE(NetworkAddress::parse(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace ssh2incus::guest
