// Builds OpenSSL keys from blobs that policy/ has checked for form; OpenSSL checks the mathematics.
#include "monitor/public_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>

#include <array>

#include "policy/base64.h"
#include "policy/ssh_wire.h"

namespace ssh2incus {
namespace {

struct FreeContext {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
using EvpContext = std::unique_ptr<EVP_PKEY_CTX, FreeContext>;

struct FreeNumber {
  void operator()(BIGNUM* number) const { BN_free(number); }
};
using Number = std::unique_ptr<BIGNUM, FreeNumber>;

struct FreeBuilder {
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
};
struct FreeParameters {
  void operator()(OSSL_PARAM* parameters) const { OSSL_PARAM_free(parameters); }
};

Result<EvpKey> from_parameters(const char* type, OSSL_PARAM* parameters) {
  const EvpContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* raw = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    return fail("invalid public key: " + openssl_error());
  }
  return EvpKey(raw);
}

// Whether the point is on its curve and not at infinity; the cofactors are 1, so that is all.
Status check_point(const EvpKey& key) {
  const EvpContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (!check || EVP_PKEY_public_check_quick(check.get()) != 1) {
    return fail("invalid public key: " + openssl_error());
  }
  return {};
}

Result<EvpKey> load_ed25519(ByteView point) {
  EvpKey key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, point.data(), point.size()));
  if (!key) return fail("invalid public key: " + openssl_error());
  return key;
}

Result<EvpKey> load_ecdsa(const char* curve, ByteView point) {
  std::string name = curve;
  Bytes copy(point.begin(), point.end());
  std::array parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size()),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy.data(), copy.size()),
      OSSL_PARAM_construct_end()};
  EvpKey key = TRY(from_parameters("EC", parameters.data()));
  TRY(check_point(key));
  return key;
}

Result<EvpKey> load_rsa(ByteView exponent, ByteView modulus) {
  const Number e(BN_bin2bn(exponent.data(), static_cast<int>(exponent.size()), nullptr));
  const Number n(BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr));
  if (!e || !n || !BN_is_odd(e.get()) || BN_is_one(e.get()) || !BN_is_odd(n.get()) ||
      BN_cmp(e.get(), n.get()) >= 0) {
    return fail("invalid RSA key");
  }
  const std::unique_ptr<OSSL_PARAM_BLD, FreeBuilder> builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return fail("RSA: " + openssl_error());
  }
  const std::unique_ptr<OSSL_PARAM, FreeParameters> parameters(
      OSSL_PARAM_BLD_to_param(builder.get()));
  if (!parameters) return fail("RSA: " + openssl_error());
  return from_parameters("RSA", parameters.get());
}

Result<EvpKey> load_key(KeyType type, ByteView blob) {
  WireReader reader(blob);
  const auto name = reader.string();
  const auto first = reader.string();   // point, curve or exponent
  const auto second = reader.string();  // application, point or modulus
  if (!name || !first) return fail("truncated public key");
  if (type == KeyType::kEd25519 || type == KeyType::kSkEd25519) return load_ed25519(*first);
  if (!second) return fail("truncated public key");
  switch (type) {
    case KeyType::kEcdsaNistp256:
    case KeyType::kSkEcdsaNistp256: return load_ecdsa("P-256", *second);
    case KeyType::kEcdsaNistp384: return load_ecdsa("P-384", *second);
    case KeyType::kEcdsaNistp521: return load_ecdsa("P-521", *second);
    default: return load_rsa(*first, *second);
  }
}

}  // namespace

Result<PublicKey> load_public_key(std::span<const std::uint8_t> blob) {
  PublicKeyFacts facts = TRY(inspect_public_key(blob));
  if (facts.type == KeyType::kRsa &&
      (facts.rsa_bits < kMinimumRsaBits || facts.rsa_bits > kMaximumRsaBits)) {
    return fail("RSA key of " + std::to_string(facts.rsa_bits) + " bits");
  }
  EvpKey key = TRY(load_key(facts.type, blob));
  return PublicKey{std::move(facts), std::move(key)};
}

KeyDigests digests_of(std::span<const std::uint8_t> key_blob) {
  KeyDigests digests{Bytes(SHA_DIGEST_LENGTH), Bytes(SHA256_DIGEST_LENGTH)};
  SHA1(key_blob.data(), key_blob.size(), digests.sha1.data());
  SHA256(key_blob.data(), key_blob.size(), digests.sha256.data());
  return digests;
}

std::string fingerprint(std::span<const std::uint8_t> key_blob) {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256(key_blob.data(), key_blob.size(), digest.data());
  std::string text = encode_base64(digest);
  text.resize(text.find_last_not_of('=') + 1);
  return "SHA256:" + text;
}

std::string openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return reason != nullptr ? reason : "OpenSSL gives no reason";
}

}  // namespace ssh2incus
