// Which signatures prove which keys, and what is a key.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/policy/test_keys.h"

namespace ssh2incus {
namespace {

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t comma = list.find(',');
    parts.push_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    list.remove_prefix(comma + 1);
  }
}

constexpr KeyType kTypes[] = {
    KeyType::kEd25519, KeyType::kEcdsaNistp256, KeyType::kEcdsaNistp384,  KeyType::kEcdsaNistp521,
    KeyType::kRsa,     KeyType::kSkEd25519,     KeyType::kSkEcdsaNistp256};

TEST(Algorithms, GoWithTheirTypesOnly) {
  for (const KeyType type : kTypes) {
    for (const std::string_view algorithm : split(kPublicKeyAlgorithms)) {
      if (signature_algorithm_of_certificates(algorithm)) continue;
      const bool fits = type == KeyType::kRsa ? algorithm.starts_with("rsa-sha2-")
                                              : algorithm == key_type_name(type);
      EXPECT_EQ(check_signature_algorithm(algorithm, type, 3072).ok(), fits)
          << algorithm << " with " << key_type_name(type);
      EXPECT_EQ(check_public_key(algorithm, test::public_key(type)).ok(), fits);
    }
    for (const char* algorithm : {"", "ssh-rsa", "ssh-dss", "rsa-sha2-384",
                                  "ssh-ed25519-cert-v01@openssh.com", "SSH-ED25519"}) {
      EXPECT_FALSE(check_signature_algorithm(algorithm, type, 3072).ok()) << algorithm;
    }
  }
}

TEST(Algorithms, OfCertificatesStandForThoseOfTheirKeys) {
  std::size_t certificates = 0;
  for (const std::string_view algorithm : split(kPublicKeyAlgorithms)) {
    const auto plain = signature_algorithm_of_certificates(algorithm);
    EXPECT_EQ(plain.has_value(), algorithm.find("-cert-v01@") != std::string_view::npos);
    if (!plain) continue;
    ++certificates;
    const auto all = split(kPublicKeyAlgorithms);
    EXPECT_NE(std::find(all.begin(), all.end(), *plain), all.end()) << algorithm;
  }
  EXPECT_EQ(certificates, std::size(kTypes) + 1);  // RSA has two
}

TEST(Algorithms, RefuseSmallAndHugeRsaKeys) {
  EXPECT_FALSE(check_signature_algorithm("rsa-sha2-256", KeyType::kRsa, 2047).ok());
  EXPECT_TRUE(check_signature_algorithm("rsa-sha2-256", KeyType::kRsa, 2048).ok());
  EXPECT_TRUE(check_signature_algorithm("rsa-sha2-512", KeyType::kRsa, 16384).ok());
  EXPECT_FALSE(check_signature_algorithm("rsa-sha2-512", KeyType::kRsa, 16385).ok());
  EXPECT_FALSE(check_public_key("rsa-sha2-256", test::rsa_key(1024)).ok());
}

TEST(Algorithms, AreModernAndPostQuantumFirst) {
  EXPECT_EQ(split(kKeyExchangeAlgorithms)[0], "mlkem768x25519-sha256");
  for (const std::string_view list :
       {kKeyExchangeAlgorithms, kHostKeyAlgorithms, kCiphers, kMacs, kPublicKeyAlgorithms}) {
    for (const std::string_view name : split(list)) {
      EXPECT_FALSE(name.empty());
      for (const char* bad : {"group", "sha1", "cbc", "md5", "umac", "dss", "ssh-rsa"}) {
        EXPECT_EQ(name.find(bad), std::string_view::npos) << name;
      }
    }
  }
}

TEST(PublicKey, IsDescribedByItsBlob) {
  for (const KeyType type : kTypes) {
    const auto facts = inspect_public_key(test::public_key(type));
    ASSERT_TRUE(facts.ok()) << facts.error().message;
    EXPECT_EQ(facts->type, type);
    EXPECT_EQ(key_type_from_name(key_type_name(type)), type);
    EXPECT_EQ(facts->application, is_security_key(type) ? "ssh:" : "");
    EXPECT_EQ(facts->rsa_bits, type == KeyType::kRsa ? 3072U : 0U);
  }
  for (const unsigned bits : {1024U, 2047U, 2048U, 2049U, 4096U}) {
    EXPECT_EQ(inspect_public_key(test::rsa_key(bits))->rsa_bits, bits);
  }
}

TEST(PublicKey, IsRefusedWhenCutOrExtended) {
  for (const KeyType type : kTypes) {
    Bytes blob = test::public_key(type);
    for (std::size_t size = 0; size < blob.size(); ++size) {
      EXPECT_FALSE(inspect_public_key(ByteView(blob).first(size)).ok());
    }
    blob.push_back(0);
    EXPECT_FALSE(inspect_public_key(blob).ok());
  }
}

TEST(PublicKey, IsRefusedWhenMalformed) {
  Bytes wrong_curve;
  append_wire_string(wrong_curve, std::string_view("ecdsa-sha2-nistp256"));
  append_wire_string(wrong_curve, std::string_view("nistp384"));
  append_wire_string(wrong_curve, Bytes(65, 4));
  EXPECT_FALSE(inspect_public_key(wrong_curve).ok());
  Bytes compressed = test::public_key(KeyType::kEcdsaNistp256);
  compressed[compressed.size() - 65] = 2;
  EXPECT_FALSE(inspect_public_key(compressed).ok());
  for (const Bytes& exponent : {Bytes{}, Bytes{0}, Bytes{1}, Bytes{2}, Bytes{0x80, 1}, Bytes{0, 3},
                                Bytes{1, 0, 0}, Bytes(9, 1)}) {
    EXPECT_FALSE(inspect_public_key(test::rsa_key(2048, exponent)).ok());
  }
}

TEST(SecurityKey, FlagsAreDemanded) {
  for (unsigned flags = 0; flags < 256; ++flags) {
    const auto byte = static_cast<std::uint8_t>(flags);
    const bool touched = (flags & 1) != 0;
    const bool verified = (flags & 4) != 0;
    EXPECT_TRUE(security_key_flags_accepted(byte, false, false).ok());
    EXPECT_EQ(security_key_flags_accepted(byte, true, false).ok(), touched);
    EXPECT_EQ(security_key_flags_accepted(byte, false, true).ok(), verified);
    EXPECT_EQ(security_key_flags_accepted(byte, true, true).ok(), touched && verified);
  }
}

}  // namespace
}  // namespace ssh2incus
