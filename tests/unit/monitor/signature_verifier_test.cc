// Clients' signatures: the right ones verify, and nothing else does.
#include "monitor/signature_verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/monitor/test_keys.h"

namespace ssh2incus {
namespace {

const Bytes kData = {1, 2, 3, 4, 5};

struct Case {
  const char* name;
  ClientKey (*make)();
  const char* algorithm;
};

class Signatures : public testing::TestWithParam<Case> {};

TEST_P(Signatures, VerifyOverExactlyTheirData) {
  const ClientKey client = GetParam().make();
  const Bytes signature = sign(client, GetParam().algorithm, kData);
  const auto verdict = verify_signature(client.blob, GetParam().algorithm, signature, kData, {});
  EXPECT_TRUE(verdict.ok()) << verdict.error().message;
  EXPECT_FALSE(verify_signature(client.blob, GetParam().algorithm, signature, Bytes{1}, {}).ok());
  const ClientKey other = GetParam().make();
  EXPECT_FALSE(verify_signature(other.blob, GetParam().algorithm, signature, kData, {}).ok());
}

TEST_P(Signatures, FailWithAnyByteChangedCutOffOrAdded) {
  const ClientKey client = GetParam().make();
  const std::string algorithm = GetParam().algorithm;
  const Bytes good = sign(client, algorithm, kData);
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes changed = good;
    changed[i] ^= 0x41;
    EXPECT_FALSE(verify_signature(client.blob, algorithm, changed, kData, {}).ok()) << i;
    changed.resize(i);
    EXPECT_FALSE(verify_signature(client.blob, algorithm, changed, kData, {}).ok()) << i;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(verify_signature(client.blob, algorithm, longer, kData, {}).ok());
  Bytes longer_key = client.blob;
  longer_key.push_back(0);
  EXPECT_FALSE(verify_signature(longer_key, algorithm, good, kData, {}).ok());
}

INSTANTIATE_TEST_SUITE_P(
    All, Signatures,
    testing::Values(Case{"ed25519", make_ed25519, "ssh-ed25519"},
                    Case{"p256", [] { return make_ecdsa("P-256"); }, "ecdsa-sha2-nistp256"},
                    Case{"p384", [] { return make_ecdsa("P-384"); }, "ecdsa-sha2-nistp384"},
                    Case{"p521", [] { return make_ecdsa("P-521"); }, "ecdsa-sha2-nistp521"},
                    Case{"rsa256", [] { return make_rsa(2048); }, "rsa-sha2-256"},
                    Case{"rsa512", [] { return make_rsa(2048); }, "rsa-sha2-512"}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(SignatureVerifier, RefusesSha1) {
  const ClientKey client = make_rsa(2048);
  const auto verdict =
      verify_signature(client.blob, "ssh-rsa", sign(client, "ssh-rsa", kData), kData, {});
  ASSERT_FALSE(verdict.ok());
  EXPECT_THAT(verdict.error().message, testing::HasSubstr("SHA-1"));
}

TEST(SignatureVerifier, RefusesShortRsaKeys) {
  const ClientKey client = make_rsa(1024);
  EXPECT_FALSE(
      verify_signature(client.blob, "rsa-sha2-256", sign(client, "rsa-sha2-256", kData), kData, {})
          .ok());
}

TEST(SignatureVerifier, RefusesAnotherAlgorithmThanRequested) {
  const ClientKey client = make_rsa(2048);
  const Bytes signature = sign(client, "rsa-sha2-256", kData);
  EXPECT_FALSE(verify_signature(client.blob, "rsa-sha2-512", signature, kData, {}).ok());
  EXPECT_FALSE(verify_signature(client.blob, "ssh-ed25519", signature, kData, {}).ok());
}

TEST(SignatureVerifier, AcceptsRsaSignaturesWithoutLeadingZeros) {
  const ClientKey client = make_rsa(2048);
  for (std::uint8_t i = 0;; ++i) {
    ASSERT_LT(i, 255) << "no signature with a leading zero came up";
    const Bytes data(1000, i);
    Bytes raw = sign_raw(client, "rsa-sha2-256", data);
    for (std::uint8_t j = 0; raw[0] != 0 && j < 100; ++j) {
      Bytes more = data;
      more.push_back(j);
      raw = sign_raw(client, "rsa-sha2-256", more);
      if (raw[0] == 0) {
        raw.erase(raw.begin());
        EXPECT_TRUE(verify_signature(client.blob, "rsa-sha2-256",
                                     encode_signature("rsa-sha2-256", raw), more, {})
                        .ok());
        return;
      }
    }
  }
}

TEST(SignatureVerifier, RefusesEcdsaNumbersThatArentInShortestForm) {
  const ClientKey client = make_ecdsa("P-256");
  const Bytes raw = sign_raw(client, "ecdsa-sha2-nistp256", kData);
  WireReader reader(raw);
  const auto r = reader.string();
  const auto s = reader.string();
  Bytes padded = {0};
  padded.insert(padded.end(), r->begin(), r->end());
  Bytes numbers = wire_string(padded);
  append_wire_string(numbers, *s);
  EXPECT_FALSE(verify_signature(client.blob, "ecdsa-sha2-nistp256",
                                encode_signature("ecdsa-sha2-nistp256", numbers), kData, {})
                   .ok());
  const Bytes zeros = wire_string(Bytes{});
  EXPECT_FALSE(verify_signature(client.blob, "ecdsa-sha2-nistp256",
                                encode_signature("ecdsa-sha2-nistp256", zeros), kData, {})
                   .ok());
}

TEST(PublicKey, RefusesPointsThatArentOnTheCurve) {
  ClientKey client = make_ecdsa("P-256");
  client.blob.back() ^= 1;
  EXPECT_FALSE(load_public_key(client.blob).ok());
}

TEST(PublicKey, FingerprintIsOpensshs) {
  EXPECT_EQ(fingerprint({}), "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
}

}  // namespace
}  // namespace ssh2incus
