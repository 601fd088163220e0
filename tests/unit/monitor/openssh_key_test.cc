// The parser of OpenSSH's private key format on broken input.
#include "monitor/openssh_key.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "policy/ssh_wire.h"
#include "tests/unit/monitor/temporary_directory.h"

namespace ssh2incus {
namespace {

Bytes good_body() {
  const TemporaryDirectory directory;
  const std::string path = directory.path("key");
  const std::string command = "ssh-keygen -q -t ecdsa -N '' -C c -f " + path;
  EXPECT_EQ(std::system(command.c_str()), 0);
  const std::string text = read_file(path);
  const auto body = decode_openssh_armor(as_bytes(text));
  EXPECT_TRUE(body.ok());
  return Bytes(body->bytes().begin(), body->bytes().end());
}

TEST(OpensshKey, RefusesEveryTruncation) {
  const Bytes body = good_body();
  ASSERT_TRUE(parse_openssh_key(body).ok());
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(parse_openssh_key(KeyBytes(body).first(size)).ok()) << size;
  }
}

TEST(OpensshKey, RefusesTrailingBytesAndBadPadding) {
  Bytes body = good_body();
  body.push_back(0);
  EXPECT_FALSE(parse_openssh_key(body).ok());
  body.pop_back();
  body.back() ^= 1;
  EXPECT_FALSE(parse_openssh_key(body).ok());
}

TEST(OpensshKey, RefusesMalformedArmor) {
  EXPECT_FALSE(decode_openssh_armor(as_bytes("")).ok());
  EXPECT_FALSE(decode_openssh_armor(as_bytes("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")).ok());
  EXPECT_FALSE(decode_openssh_armor(as_bytes("-----BEGIN OPENSSH PRIVATE KEY-----\nA*AA\n"
                                             "-----END OPENSSH PRIVATE KEY-----\n"))
                   .ok());
  EXPECT_FALSE(decode_openssh_armor(as_bytes("-----BEGIN OPENSSH PRIVATE KEY-----\nAA==AA\n"
                                             "-----END OPENSSH PRIVATE KEY-----\n"))
                   .ok());
}

TEST(OpensshKey, RefusesEd25519WhosePublicHalvesDiffer) {
  Bytes numbers;
  append_wire_string(numbers, std::string_view("ssh-ed25519"));
  append_wire_string(numbers, Bytes(32, 1));
  append_wire_string(numbers, Bytes(64, 2));
  EXPECT_FALSE(parse_private_numbers(numbers).ok());
}

TEST(OpensshKey, RefusesSecurityKeysAndUnknownTypes) {
  for (const std::string_view type : {"sk-ssh-ed25519@openssh.com", "ssh-dss", ""}) {
    Bytes numbers;
    append_wire_string(numbers, type);
    EXPECT_FALSE(parse_private_numbers(numbers).ok()) << type;
  }
}

}  // namespace
}  // namespace ssh2incus
