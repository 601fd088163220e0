// A FIDO authenticator without hardware, for the tests: a library that ssh and ssh-keygen load as
// SecurityKeyProvider (the middleware interface of OpenSSH 8.9 and later, see its PROTOCOL.u2f). A
// key handle is the private key itself. The environment makes it misbehave:
//   AUTHENTICATOR_FLAGS=N       the flags byte to sign, whatever was asked for (1 touched, 4
//   verified) AUTHENTICATOR_COUNTER=N     the counter to sign AUTHENTICATOR_APPLICATION=S the
//   application to sign for AUTHENTICATOR_SPOIL=1       signs another challenge than the one that
//   was asked for
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kInterfaceVersion = 0x000a0000;
constexpr std::uint32_t kEcdsa = 0;
constexpr std::uint32_t kEd25519 = 1;
constexpr std::uint8_t kPresenceAndVerification = 0x05;
constexpr int kGeneralError = -1;
constexpr int kUnsupported = -2;
constexpr int kNoDevice = -4;

// What OpenSSH expects back; it frees the members and the whole by free().
struct EnrolledKey {
  std::uint8_t flags;
  std::uint8_t* public_key;
  std::size_t public_key_size;
  std::uint8_t* handle;
  std::size_t handle_size;
  std::uint8_t* signature;
  std::size_t signature_size;
  std::uint8_t* certificate;
  std::size_t certificate_size;
  std::uint8_t* authenticator_data;
  std::size_t authenticator_data_size;
};
struct Signature {
  std::uint8_t flags;
  std::uint32_t counter;
  std::uint8_t* r;
  std::size_t r_size;
  std::uint8_t* s;
  std::size_t s_size;
};

struct Release {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
using Key = std::unique_ptr<EVP_PKEY, Release>;

void hand_over(const Bytes& bytes, std::uint8_t*& data, std::size_t& size) {
  data = static_cast<std::uint8_t*>(std::malloc(bytes.size()));
  size = bytes.size();
  std::copy(bytes.begin(), bytes.end(), data);
}

Bytes sha256(const std::uint8_t* data, std::size_t size) {
  Bytes digest(SHA256_DIGEST_LENGTH);
  SHA256(data, size, digest.data());
  return digest;
}

std::optional<std::uint32_t> number_from(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  return static_cast<std::uint32_t>(std::strtoul(text, nullptr, 0));
}

// A private key in DER, as a key handle.
Bytes to_handle(EVP_PKEY* key) {
  Bytes der(static_cast<std::size_t>(i2d_PrivateKey(key, nullptr)));
  std::uint8_t* out = der.data();
  i2d_PrivateKey(key, &out);
  return der;
}

Bytes public_point(EVP_PKEY* key, bool ecdsa) {
  std::size_t size = ecdsa ? 65 : 32;
  Bytes point(size);
  if (ecdsa) {
    EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", point.data(), size, &size);
  } else {
    EVP_PKEY_get_raw_public_key(key, point.data(), &size);
  }
  return point;
}

Bytes number_bytes(const BIGNUM* number) {
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, bytes.data());
  return bytes;
}

// What an authenticator signs: application, flags, counter, challenge.
Bytes subject_of(const std::string& application, std::uint8_t flags, std::uint32_t counter,
                 Bytes challenge) {
  if (std::getenv("AUTHENTICATOR_SPOIL") != nullptr) challenge.front() ^= 1;
  Bytes subject =
      sha256(reinterpret_cast<const std::uint8_t*>(application.data()), application.size());
  subject.push_back(flags);
  for (int shift = 24; shift >= 0; shift -= 8) {
    subject.push_back(static_cast<std::uint8_t>(counter >> shift));
  }
  subject.insert(subject.end(), challenge.begin(), challenge.end());
  return subject;
}

Bytes signature_over(EVP_PKEY* key, bool ecdsa, const Bytes& subject) {
  const std::unique_ptr<EVP_MD_CTX, Release> context(EVP_MD_CTX_new());
  std::size_t size = 128;
  Bytes signature(size);
  EVP_DigestSignInit(context.get(), nullptr, ecdsa ? EVP_sha256() : nullptr, nullptr, key);
  if (EVP_DigestSign(context.get(), signature.data(), &size, subject.data(), subject.size()) != 1) {
    return {};
  }
  signature.resize(size);
  return signature;
}

}  // namespace

extern "C" {

std::uint32_t sk_api_version() { return kInterfaceVersion; }

int sk_enroll(std::uint32_t algorithm, const std::uint8_t* /*challenge*/,
              std::size_t /*challenge_size*/, const char* /*application*/, std::uint8_t flags,
              const char* /*pin*/, void** /*options*/, EnrolledKey** response) {
  if (algorithm != kEcdsa && algorithm != kEd25519) return kUnsupported;
  const bool ecdsa = algorithm == kEcdsa;
  const Key key(ecdsa ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")
                      : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return kGeneralError;
  auto* enrolled = static_cast<EnrolledKey*>(std::calloc(1, sizeof(EnrolledKey)));
  enrolled->flags = flags;
  hand_over(public_point(key.get(), ecdsa), enrolled->public_key, enrolled->public_key_size);
  hand_over(to_handle(key.get()), enrolled->handle, enrolled->handle_size);
  // Nobody checks the attestation, but there must be one.
  hand_over(Bytes{0}, enrolled->signature, enrolled->signature_size);
  hand_over(Bytes{0}, enrolled->certificate, enrolled->certificate_size);
  hand_over(Bytes{0}, enrolled->authenticator_data, enrolled->authenticator_data_size);
  *response = enrolled;
  return 0;
}

int sk_sign(std::uint32_t algorithm, const std::uint8_t* data, std::size_t data_size,
            const char* application, const std::uint8_t* handle, std::size_t handle_size,
            std::uint8_t flags, const char* /*pin*/, void** /*options*/, Signature** response) {
  const bool ecdsa = algorithm == kEcdsa;
  const Key key(d2i_AutoPrivateKey(nullptr, &handle, static_cast<long>(handle_size)));
  if (!key) return kNoDevice;
  const char* other = std::getenv("AUTHENTICATOR_APPLICATION");
  const auto signed_flags = static_cast<std::uint8_t>(
      number_from("AUTHENTICATOR_FLAGS").value_or(flags & kPresenceAndVerification));
  const std::uint32_t counter = number_from("AUTHENTICATOR_COUNTER").value_or(1);
  const Bytes raw = signature_over(key.get(), ecdsa,
                                   subject_of(other != nullptr ? other : application, signed_flags,
                                              counter, sha256(data, data_size)));
  if (raw.empty()) return kGeneralError;
  auto* answer = static_cast<Signature*>(std::calloc(1, sizeof(Signature)));
  answer->flags = signed_flags;
  answer->counter = counter;
  if (!ecdsa) {
    hand_over(raw, answer->r, answer->r_size);
  } else {
    const std::uint8_t* der = raw.data();
    const std::unique_ptr<ECDSA_SIG, Release> both(
        d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(raw.size())));
    hand_over(number_bytes(ECDSA_SIG_get0_r(both.get())), answer->r, answer->r_size);
    hand_over(number_bytes(ECDSA_SIG_get0_s(both.get())), answer->s, answer->s_size);
  }
  *response = answer;
  return 0;
}

int sk_load_resident_keys(const char* /*pin*/, void** /*options*/, void*** /*keys*/,
                          std::size_t* /*count*/) {
  return kUnsupported;
}

}  // extern "C"
