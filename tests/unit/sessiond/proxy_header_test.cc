// Headers of both versions of the PROXY protocol, fed as a connection brings them.
#include "sessiond/proxy_header.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "sessiond/proxy_reader.h"

namespace ssh2incus {
namespace {

using std::string_literals::operator""s;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Reads as the reader does: no more than what is missing. How much was read, and the header.
struct Read {
  std::size_t size = 0;
  Result<ipc::ProxyHeaderRequest> header = fail("nothing read");
};
Read read_from(const std::string& stream) {
  std::string header;
  for (;;) {
    const std::size_t missing = missing_of_proxy_header(bytes_of(header));
    if (missing == 0 || header.size() == stream.size()) break;
    header = stream.substr(0, header.size() + missing);
  }
  return {header.size(), parse_proxy_header(bytes_of(header))};
}

std::string binary(std::uint8_t command, std::uint8_t family, const std::string& body) {
  std::string header = kSignature;
  header += static_cast<char>(command);
  header += static_cast<char>(family);
  header += static_cast<char>(body.size() >> 8);
  header += static_cast<char>(body.size() & 255);
  return header + body;
}

const std::string kIpv4Body = "\xc0\x00\x02\x01\xc6\x33\x64\x02\x10\x00\x00\x16"s;
const Bytes kSource = {192, 0, 2, 1};
const Bytes kDestination = {198, 51, 100, 2};

TEST(ProxyHeader, OfVersion1TellsAddressesAndPorts) {
  const std::string header = "PROXY TCP4 192.0.2.1 198.51.100.2 4096 22\r\n";
  const Read read = read_from(header + "SSH-2.0-client\r\n");
  EXPECT_EQ(read.size, header.size());
  ASSERT_TRUE(read.header.ok()) << read.header.error().message;
  EXPECT_EQ(*read.header->source, kSource);
  EXPECT_EQ(read.header->source_port, 4096);
  EXPECT_EQ(*read.header->destination, kDestination);
  EXPECT_EQ(read.header->destination_port, 22);
  const std::string longest =
      "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
  const Read six = read_from(longest + "\n");
  EXPECT_EQ(six.size, longest.size());
  ASSERT_TRUE(six.header.ok());
  EXPECT_EQ(*six.header->source, Bytes(16, 0xff));
}

TEST(ProxyHeader, OfVersion2TellsAddressesAndPorts) {
  for (const std::string& more : {""s, "\x04\x00\x01x"s, std::string(1500, 'x')}) {
    const std::string header = binary(0x21, 0x11, kIpv4Body + more);
    const Read read = read_from(header + "SSH-2.0-client\r\n");
    EXPECT_EQ(read.size, header.size());
    ASSERT_TRUE(read.header.ok()) << read.header.error().message;
    EXPECT_EQ(*read.header->source, kSource);
    EXPECT_EQ(read.header->source_port, 4096);
    EXPECT_EQ(*read.header->destination, kDestination);
    EXPECT_EQ(read.header->destination_port, 22);
  }
  const Read six = read_from(binary(0x21, 0x21, std::string(32, '\1') + "\0\1\0\2"s));
  ASSERT_TRUE(six.header.ok());
  EXPECT_EQ(*six.header->source, Bytes(16, 1));
  EXPECT_EQ(six.header->source_port, 1);
  EXPECT_EQ(six.header->destination_port, 2);
}

TEST(ProxyHeader, MayLeaveTheAddressesToTheConnection) {
  for (const std::string& header :
       {"PROXY UNKNOWN\r\n"s, "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"s, "PROXY UNKNOWN \r\n"s,
        binary(0x20, 0x00, ""), binary(0x20, 0x11, kIpv4Body), binary(0x20, 0x55, "junk"),
        binary(0x21, 0x00, ""), binary(0x21, 0x00, "junk"),
        binary(0x21, 0x31, std::string(216, 'u'))}) {
    const Read read = read_from(header + "SSH-2.0-client\r\n");
    EXPECT_EQ(read.size, header.size());
    ASSERT_TRUE(read.header.ok()) << read.header.error().message;
    EXPECT_TRUE(read.header->source.empty() && read.header->destination.empty());
  }
}

TEST(ProxyHeader, IsRefusedIfItIsNoneOrMalformed) {
  for (const std::string& stream : {"SSH-2.0-OpenSSH_9.2p1\r\n"s,
                                    ""s,
                                    "PROXY"s,
                                    "PROXY "s,
                                    "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n"s,
                                    "PROXY TCP4 192.0.2.1 198.51.100.2 4096 22\n"s,
                                    "PROXY TCP4 192.0.2.1 198.51.100.2 4096\r\n"s,
                                    "PROXY TCP4 192.0.2.1 198.51.100.2 4096 22 1\r\n"s,
                                    "PROXY TCP4  192.0.2.1 1.2.3.4 1 2\r\n"s,
                                    "PROXY TCP4 192.0.2.1 198.51.100.2 65536 22\r\n"s,
                                    "PROXY TCP4 ::1 ::1 4096 22\r\n"s,
                                    "PROXY TCP6 192.0.2.1 192.0.2.1 4096 22\r\n"s,
                                    "PROXY TCP4 192.0.2.1 1.2.3.4 01 22\r\n"s,
                                    "PROXY TCP4 192.0.2.1 1.2.3.4 -1 22\r\n"s,
                                    "PROXY TCP4 192.0.2.1 1.2.3.4 1 \r\n"s,
                                    "PROXY TCP4 192.0.2.1\0 1.2.3.4 1 2\r\n"s,
                                    "PROXY UDP4 192.0.2.1 1.2.3.4 1 2\r\n"s,
                                    "PROXY UNKNOWNX\r\n"s,
                                    "PROXY UNKNOWN\rX\r\n\n"s,
                                    "PROXY UNKNOWN " + std::string(200, 'x'),
                                    kSignature,
                                    kSignature + "\x21"s,
                                    binary(0x11, 0x11, kIpv4Body),
                                    binary(0x22, 0x11, kIpv4Body),
                                    binary(0x21, 0x12, kIpv4Body),
                                    binary(0x21, 0x22, std::string(36, 'x')),
                                    binary(0x21, 0x11, kIpv4Body.substr(1)),
                                    binary(0x21, 0x21, kIpv4Body),
                                    binary(0x21, 0x41, kIpv4Body),
                                    binary(0x21, 0x11, kIpv4Body + std::string(3000, 'x')),
                                    binary(0x21, 0x11, kIpv4Body).substr(0, 20)}) {
    const Read read = read_from(stream);
    if (stream == "PROXY UNKNOWN\rX\r\n\n") continue;  // what UNKNOWN is followed by is ignored
    EXPECT_FALSE(read.header.ok()) << stream;
    EXPECT_LE(read.size, kMaxProxyHeader);
  }
}

TEST(ProxyHeader, NeverAsksForMoreThanItsOwn) {
  for (const std::string& header : {"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n"s, "PROXY UNKNOWN\r\n"s,
                                    binary(0x20, 0, ""), binary(0x21, 0x11, kIpv4Body)}) {
    for (std::size_t size = 0; size < header.size(); ++size) {
      const std::size_t missing = missing_of_proxy_header(bytes_of(header.substr(0, size)));
      EXPECT_GT(missing, 0U) << size;
      EXPECT_LE(size + missing, header.size()) << size;
    }
    EXPECT_EQ(missing_of_proxy_header(bytes_of(header)), 0U);
  }
}

class ProxyReader : public testing::Test {
 protected:
  void SetUp() override {
    for (auto& pair : {&connection_, &monitor_}) {
      int ends[2];
      ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
      (*pair)[0].reset(ends[0]);
      (*pair)[1].reset(ends[1]);
    }
  }
  Result<ipc::ProxyHeaderRequest> read_header() {
    return read_proxy_header(connection_[0], monitor_[0].get());
  }
  void send_text(const std::string& text) {
    ASSERT_EQ(send(connection_[1].get(), text.data(), text.size(), 0),
              static_cast<ssize_t>(text.size()));
  }
  std::array<UniqueFd, 2> connection_;
  std::array<UniqueFd, 2> monitor_;
};

TEST_F(ProxyReader, LeavesWhatFollowsTheHeader) {
  send_text("PROXY TCP4 192.0.2.1 198.51.100.2 4096 22\r\nSSH-2.0-x\r\n");
  ASSERT_TRUE(read_header().ok());
  std::array<char, 64> rest{};
  const ssize_t got = recv(connection_[0].get(), rest.data(), rest.size(), 0);
  EXPECT_EQ(std::string(rest.data(), static_cast<std::size_t>(got)), "SSH-2.0-x\r\n");
}

TEST_F(ProxyReader, GivesUpWhenTheConnectionOrTheMonitorEnds) {
  send_text("PROXY TCP4 192.0.2.1 ");
  shutdown(connection_[1].get(), SHUT_WR);
  const auto cut = read_header();
  ASSERT_FALSE(cut.ok());
  EXPECT_NE(cut.error().message.find("ended"), std::string::npos);
  monitor_[1].reset();
  const auto ended = read_header();
  ASSERT_FALSE(ended.ok());
  EXPECT_NE(ended.error().message.find("shutting down"), std::string::npos);
}

TEST_F(ProxyReader, DoesNotWaitForever) {
  send_text("PROXY TCP4 192.0.2.1 ");
  const auto late = read_header();
  ASSERT_FALSE(late.ok());
  EXPECT_NE(late.error().message.find("in time"), std::string::npos);
}

}  // namespace
}  // namespace ssh2incus
