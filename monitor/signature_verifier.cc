// Turns SSH signatures into what OpenSSL verifies. Everything but signed_data's origin is hostile.
#include "monitor/signature_verifier.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/sha.h>

#include <array>
#include <memory>
#include <optional>

#include "monitor/public_key.h"
#include "policy/signature_subject.h"
#include "policy/ssh_wire.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kEd25519SignatureSize = 64;

struct FreeDigestContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct FreeEcdsaSignature {
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};

// The digest of an algorithm; null for ed25519, which has its own.
const EVP_MD* digest_of(std::string_view algorithm) {
  if (algorithm == "ecdsa-sha2-nistp384") return EVP_sha384();
  if (algorithm == "ecdsa-sha2-nistp521" || algorithm == "rsa-sha2-512") return EVP_sha512();
  if (algorithm == "ssh-ed25519" || algorithm == "sk-ssh-ed25519@openssh.com") return nullptr;
  return EVP_sha256();
}

// A positive number, written as RFC 4251 wants it: no superfluous zero, not more bits than the
// curve's field.
std::optional<ByteView> positive_mpint(WireReader& reader, std::size_t most_bytes) {
  const auto bytes = reader.string();
  if (!bytes || bytes->empty() || (bytes->front() & 0x80) != 0) return std::nullopt;
  if (bytes->front() != 0) return bytes->size() <= most_bytes ? bytes : std::nullopt;
  if (bytes->size() < 2 || ((*bytes)[1] & 0x80) == 0) return std::nullopt;
  return bytes->size() <= most_bytes + 1 ? bytes : std::nullopt;
}

// r and s of RFC 5656 §3.1.2 as the DER that OpenSSL takes; made anew, so always strict.
Result<Bytes> ecdsa_as_der(ByteView blob, std::size_t field_bytes) {
  WireReader reader(blob);
  const auto r = positive_mpint(reader, field_bytes);
  const auto s = positive_mpint(reader, field_bytes);
  if (!r || !s || !reader.at_end()) return fail("malformed ECDSA signature");
  const std::unique_ptr<ECDSA_SIG, FreeEcdsaSignature> signature(ECDSA_SIG_new());
  BIGNUM* r_number = BN_bin2bn(r->data(), static_cast<int>(r->size()), nullptr);
  BIGNUM* s_number = BN_bin2bn(s->data(), static_cast<int>(s->size()), nullptr);
  if (!signature || ECDSA_SIG_set0(signature.get(), r_number, s_number) != 1) {
    BN_free(r_number);
    BN_free(s_number);
    return fail("ECDSA: " + openssl_error());
  }
  const int size = i2d_ECDSA_SIG(signature.get(), nullptr);
  if (size <= 0) return fail("ECDSA: " + openssl_error());
  Bytes der(static_cast<std::size_t>(size));
  unsigned char* out = der.data();
  if (i2d_ECDSA_SIG(signature.get(), &out) != size) return fail("ECDSA: " + openssl_error());
  return der;
}

// RFC 8332 has the number without padding; OpenSSL wants the modulus' length.
Result<Bytes> rsa_padded(ByteView blob, unsigned bits) {
  const std::size_t size = (bits + 7) / 8;
  if (blob.empty() || blob.size() > size) return fail("RSA signature of the wrong length");
  Bytes padded(size - blob.size(), 0);
  padded.insert(padded.end(), blob.begin(), blob.end());
  return padded;
}

Result<Bytes> as_openssl_wants(const PublicKeyFacts& facts, const Bytes& blob) {
  switch (facts.type) {
    case KeyType::kEd25519:
    case KeyType::kSkEd25519:
      if (blob.size() != kEd25519SignatureSize) return fail("ed25519 signature of wrong length");
      return blob;
    case KeyType::kEcdsaNistp256:
    case KeyType::kSkEcdsaNistp256: return ecdsa_as_der(blob, 32);
    case KeyType::kEcdsaNistp384: return ecdsa_as_der(blob, 48);
    case KeyType::kEcdsaNistp521: return ecdsa_as_der(blob, 66);
    case KeyType::kRsa: return rsa_padded(blob, facts.rsa_bits);
  }
  return fail("unknown type of key");
}

// What a security key has really signed (OpenSSH's PROTOCOL.u2f).
Bytes security_key_data(const std::string& application, const SignatureParts& parts,
                        ByteView signed_data) {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256(as_bytes(application).data(), application.size(), digest.data());
  Bytes data(digest.begin(), digest.end());
  data.push_back(parts.flags);
  append_wire_number(data, parts.counter);
  SHA256(signed_data.data(), signed_data.size(), digest.data());
  data.insert(data.end(), digest.begin(), digest.end());
  return data;
}

Status verify(EVP_PKEY* key, const EVP_MD* digest, ByteView signature, ByteView data) {
  const std::unique_ptr<EVP_MD_CTX, FreeDigestContext> context(EVP_MD_CTX_new());
  if (!context || EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key) != 1) {
    return fail("signature: " + openssl_error());
  }
  const int verdict =
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), data.data(), data.size());
  if (verdict == 1) return {};
  static_cast<void>(openssl_error());
  return fail("wrong signature");
}

}  // namespace

Status verify_signature(std::span<const std::uint8_t> key_blob, std::string_view algorithm,
                        std::span<const std::uint8_t> signature_blob,
                        std::span<const std::uint8_t> signed_data,
                        const SkRequirements& requirements) {
  TRY(check_public_key(algorithm, key_blob));
  const SignatureParts parts = TRY(parse_signature(algorithm, signature_blob));
  const PublicKey key = TRY(load_public_key(key_blob));
  const Bytes signature = TRY(as_openssl_wants(key.facts, parts.blob));
  const EVP_MD* digest = digest_of(algorithm);
  if (!is_security_key(key.facts.type)) {
    return verify(key.key.get(), digest, signature, signed_data);
  }
  TRY(security_key_flags_accepted(parts.flags, requirements.require_touch,
                                  requirements.require_verify));
  return verify(key.key.get(), digest, signature,
                security_key_data(key.facts.application, parts, signed_data));
}

}  // namespace ssh2incus
