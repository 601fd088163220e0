// The bytes that clients sign, against RFC 4252's layout written out, and what they send back.
#include <gtest/gtest.h>

#include "policy/signature_subject.h"
#include "policy/ssh_wire.h"

namespace ssh2incus {
namespace {

Bytes hex(std::string_view text) {
  Bytes out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    if (text[i] == ' ') {
      --i;
      continue;
    }
    out.push_back(
        static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

TEST(SignedData, IsLaidOutAsTheRfcSays) {
  EXPECT_EQ(public_key_signed_data(Bytes{1, 2}, "c1", "ssh-ed25519", Bytes{3, 4, 5}),
            hex("00000002 0102 32 00000002 6331 0000000e 7373682d636f6e6e656374696f6e "
                "00000009 7075626c69636b6579 01 0000000b 7373682d65643235353139 00000003 030405"));
}

TEST(SignedData, BindsTheHostKeyIfAsked) {
  const Bytes host_key = {9, 8};
  EXPECT_EQ(public_key_signed_data(Bytes{1}, "", "a", Bytes{}, ByteView(host_key)),
            hex("00000001 01 32 00000000 0000000e 7373682d636f6e6e656374696f6e "
                "00000023 7075626c69636b65792d686f7374626f756e642d763030406f70656e7373682e636f6d "
                "01 00000001 61 00000000 00000002 0908"));
}

TEST(SignedData, OfAHostKeyIsWhatOpenSshWantsProven) {
  EXPECT_EQ(host_key_proof_data(Bytes{1, 2}, Bytes{9, 8, 7}),
            hex("0000001d 686f73746b6579732d70726f76652d3030406f70656e7373682e636f6d "
                "00000002 0102 00000003 090807"));
}

TEST(Signature, ComesApart) {
  Bytes bytes;
  append_wire_string(bytes, std::string_view("rsa-sha2-256"));
  append_wire_string(bytes, Bytes{7, 7});
  const auto parts = parse_signature("rsa-sha2-256", bytes);
  ASSERT_TRUE(parts.ok());
  EXPECT_EQ(parts->blob, (Bytes{7, 7}));
  EXPECT_FALSE(parse_signature("rsa-sha2-512", bytes).ok());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(parse_signature("rsa-sha2-256", ByteView(bytes).first(size)).ok());
  }
  bytes.push_back(0);
  EXPECT_FALSE(parse_signature("rsa-sha2-256", bytes).ok());
}

TEST(Signature, OfASecurityKeyHasFlagsAndCounter) {
  const std::string algorithm = "sk-ssh-ed25519@openssh.com";
  Bytes bytes;
  append_wire_string(bytes, algorithm);
  append_wire_string(bytes, Bytes(64, 1));
  EXPECT_FALSE(parse_signature(algorithm, bytes).ok());
  bytes.push_back(5);
  append_wire_number(bytes, 0x01020304);
  const auto parts = parse_signature(algorithm, bytes);
  ASSERT_TRUE(parts.ok());
  EXPECT_EQ(parts->flags, 5);
  EXPECT_EQ(parts->counter, 0x01020304U);
  bytes.push_back(0);
  EXPECT_FALSE(parse_signature(algorithm, bytes).ok());
}

}  // namespace
}  // namespace ssh2incus
