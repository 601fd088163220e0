// Signatures of security keys (FIDO): what they cover, and what the key must have done.
#include <gtest/gtest.h>

#include "monitor/signature_verifier.h"
#include "tests/unit/monitor/test_keys.h"

namespace ssh2incus {
namespace {

constexpr std::uint8_t kTouched = 1;
constexpr std::uint8_t kVerified = 4;
const Bytes kData = {9, 8, 7};

class SecurityKeys : public testing::TestWithParam<bool> {
 protected:
  const ClientKey key_ = as_security_key(GetParam() ? make_ecdsa("P-256") : make_ed25519(), "ssh:");

  [[nodiscard]] bool verifies(const Bytes& signature, const SkRequirements& requirements) const {
    return verify_signature(key_.blob, key_.type, signature, kData, requirements).ok();
  }
};

TEST_P(SecurityKeys, ProveTouchAndVerification) {
  const auto with = [&](std::uint8_t flags) {
    return sign_as_security_key(key_, "ssh:", flags, 17, kData);
  };
  EXPECT_TRUE(verifies(with(kTouched), {true, false}));
  EXPECT_TRUE(verifies(with(kTouched | kVerified), {true, true}));
  EXPECT_TRUE(verifies(with(0), {false, false}));
  EXPECT_FALSE(verifies(with(0), {true, false}));
  EXPECT_FALSE(verifies(with(kVerified), {true, false}));
  EXPECT_FALSE(verifies(with(kTouched), {true, true}));
}

TEST_P(SecurityKeys, SignFlagsCounterAndApplication) {
  const Bytes good = sign_as_security_key(key_, "ssh:", kTouched, 17, kData);
  Bytes other_flags = good;
  other_flags[good.size() - 5] |= kVerified;
  EXPECT_FALSE(verifies(other_flags, {}));
  Bytes other_counter = good;
  other_counter.back() ^= 1;
  EXPECT_FALSE(verifies(other_counter, {}));
  EXPECT_FALSE(verifies(sign_as_security_key(key_, "ssh:other", kTouched, 17, kData), {}));
}

TEST_P(SecurityKeys, RefuseMissingAndTrailingBytes) {
  Bytes signature = sign_as_security_key(key_, "ssh:", kTouched, 17, kData);
  signature.push_back(0);
  EXPECT_FALSE(verifies(signature, {}));
  signature.resize(signature.size() - 2);
  EXPECT_FALSE(verifies(signature, {}));
  signature.resize(signature.size() - 4);
  EXPECT_FALSE(verifies(signature, {}));
}

TEST_P(SecurityKeys, PlainSignatureOfTheSameKeyIsRefused) {
  EXPECT_FALSE(verifies(sign(key_, key_.type, kData), {false, false}));
}

INSTANTIATE_TEST_SUITE_P(Both, SecurityKeys, testing::Bool());

}  // namespace
}  // namespace ssh2incus
