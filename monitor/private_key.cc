// Moves private numbers into OpenSSL through parameters that live in wiped buffers: the usual
// builder (OSSL_PARAM_BLD) leaves its copies in freed memory.
#include "monitor/private_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "policy/ssh_wire.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxNumber = 2048;  // bytes: RSA 16384

struct ClearNumber {
  void operator()(BIGNUM* number) const { BN_clear_free(number); }
};
using Number = std::unique_ptr<BIGNUM, ClearNumber>;
struct FreeNumberContext {
  void operator()(BN_CTX* context) const { BN_CTX_free(context); }
};
struct FreeContext {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};

KeyBytes without_leading_zeros(KeyBytes bytes) {
  while (!bytes.empty() && bytes.front() == 0) bytes = bytes.subspan(1);
  return bytes;
}

// Parameters for EVP_PKEY_fromdata() and the buffers behind them.
class Parameters {
 public:
  void add_number(const char* name, KeyBytes big_endian) {
    const KeyBytes digits = without_leading_zeros(big_endian);
    Secret& native =
        buffers_.emplace_back(Secret::with_size(std::max<std::size_t>(1, digits.size())));
    std::reverse_copy(digits.begin(), digits.end(), native.writable().begin());
    parameters_.push_back(
        OSSL_PARAM_construct_BN(name, native.writable().data(), native.writable().size()));
  }
  void add_bytes(const char* name, KeyBytes bytes) {
    Secret& copy = buffers_.emplace_back(Secret::with_size(bytes.size()));
    std::copy(bytes.begin(), bytes.end(), copy.writable().begin());
    parameters_.push_back(
        OSSL_PARAM_construct_octet_string(name, copy.writable().data(), bytes.size()));
  }
  // A string literal: OpenSSL reads its end as well.
  void add_text(const char* name, const char* text) {
    const std::size_t size = std::strlen(text);
    Secret& copy = buffers_.emplace_back(Secret::with_size(size + 1));
    std::copy_n(text, size, copy.writable().begin());
    parameters_.push_back(OSSL_PARAM_construct_utf8_string(
        name, reinterpret_cast<char*>(copy.writable().data()), size));
  }
  OSSL_PARAM* finish() {
    parameters_.push_back(OSSL_PARAM_construct_end());
    return parameters_.data();
  }

 private:
  std::vector<Secret> buffers_;
  std::vector<OSSL_PARAM> parameters_;
};

Result<EvpKey> from_parameters(const char* type, Parameters& parameters) {
  const std::unique_ptr<EVP_PKEY_CTX, FreeContext> context(
      EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, parameters.finish()) != 1) {
    return fail("invalid private key: " + openssl_error());
  }
  return EvpKey(key);
}

const char* group_of(KeyType type) {
  if (type == KeyType::kEcdsaNistp256) return "P-256";
  return type == KeyType::kEcdsaNistp384 ? "P-384" : "P-521";
}

Result<EvpKey> make_ecdsa(const PrivateKeyView& view) {
  Parameters parameters;
  parameters.add_text(OSSL_PKEY_PARAM_GROUP_NAME, group_of(view.type));
  parameters.add_bytes(OSSL_PKEY_PARAM_PUB_KEY, view.public_part);
  parameters.add_number(OSSL_PKEY_PARAM_PRIV_KEY, view.secret);
  return from_parameters("EC", parameters);
}

Number number(KeyBytes bytes) {
  return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

// d mod (prime - 1), big-endian: what the Chinese remainder theorem needs and OpenSSH's format
// leaves out.
Result<Secret> remainder_exponent(KeyBytes d_bytes, KeyBytes prime_bytes) {
  const Number d = number(d_bytes);
  const Number prime = number(prime_bytes);
  const Number result(BN_new());
  const std::unique_ptr<BN_CTX, FreeNumberContext> context(BN_CTX_new());
  if (!d || !prime || !result || !context || BN_is_zero(prime.get()) || BN_is_one(prime.get()) ||
      BN_sub_word(prime.get(), 1) != 1) {
    return fail("invalid RSA key");
  }
  BN_set_flags(d.get(), BN_FLG_CONSTTIME);
  if (BN_mod(result.get(), d.get(), prime.get(), context.get()) != 1) {
    return fail("invalid RSA key");
  }
  Secret bytes = Secret::with_size(static_cast<std::size_t>(BN_num_bytes(prime.get())));
  const int size = static_cast<int>(bytes.bytes().size());
  if (BN_bn2binpad(result.get(), bytes.writable().data(), size) != size)
    return fail("invalid RSA key");
  return bytes;
}

Result<EvpKey> make_rsa(const PrivateKeyView& view) {
  for (const KeyBytes& part : {view.public_part, view.rsa_exponent, view.secret, view.rsa_p,
                               view.rsa_q, view.rsa_inverse}) {
    if (part.size() > kMaxNumber + 1) return fail("RSA key is too large");
  }
  const Secret exponent_p = TRY(remainder_exponent(view.secret, view.rsa_p));
  const Secret exponent_q = TRY(remainder_exponent(view.secret, view.rsa_q));
  Parameters parameters;
  parameters.add_number(OSSL_PKEY_PARAM_RSA_N, view.public_part);
  parameters.add_number(OSSL_PKEY_PARAM_RSA_E, view.rsa_exponent);
  parameters.add_number(OSSL_PKEY_PARAM_RSA_D, view.secret);
  parameters.add_number(OSSL_PKEY_PARAM_RSA_FACTOR1, view.rsa_p);
  parameters.add_number(OSSL_PKEY_PARAM_RSA_FACTOR2, view.rsa_q);
  parameters.add_number(OSSL_PKEY_PARAM_RSA_EXPONENT1, exponent_p.bytes());
  parameters.add_number(OSSL_PKEY_PARAM_RSA_EXPONENT2, exponent_q.bytes());
  parameters.add_number(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, view.rsa_inverse);
  return from_parameters("RSA", parameters);
}

bool append_number(Bytes& out, const EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return false;
  const Number owned(raw);
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(raw)) + 1, 0);
  BN_bn2binpad(raw, bytes.data(), static_cast<int>(bytes.size()));
  if (bytes.size() > 1 && (bytes[1] & 0x80) == 0) bytes.erase(bytes.begin());
  append_wire_string(out, bytes);
  return true;
}

Result<Bytes> ed25519_numbers(const EVP_PKEY* key) {
  std::array<std::uint8_t, 32> seed{};
  std::array<std::uint8_t, 32> point{};
  std::size_t seed_size = seed.size();
  std::size_t point_size = point.size();
  if (EVP_PKEY_get_raw_private_key(key, seed.data(), &seed_size) != 1 ||
      EVP_PKEY_get_raw_public_key(key, point.data(), &point_size) != 1) {
    return fail("ed25519: " + openssl_error());
  }
  Bytes both(seed.begin(), seed.end());
  both.insert(both.end(), point.begin(), point.end());
  Bytes out;
  append_wire_string(out, std::string_view("ssh-ed25519"));
  append_wire_string(out, point);
  append_wire_string(out, both);
  return out;
}

Result<Bytes> ecdsa_numbers(const EVP_PKEY* key) {
  std::array<char, 32> group{};
  std::array<std::uint8_t, 256> point{};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) != 1 ||
      EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(),
                                      &size) != 1) {
    return fail("ecdsa: " + openssl_error());
  }
  const std::string_view name = group.data();
  std::string_view curve;
  if (name == "prime256v1" || name == "P-256") curve = "nistp256";
  if (name == "secp384r1" || name == "P-384") curve = "nistp384";
  if (name == "secp521r1" || name == "P-521") curve = "nistp521";
  if (curve.empty()) return fail("the key's curve isn't one of SSH's");
  Bytes out;
  append_wire_string(out, "ecdsa-sha2-" + std::string(curve));
  append_wire_string(out, curve);
  append_wire_string(out, ByteView(point.data(), size));
  if (!append_number(out, key, OSSL_PKEY_PARAM_PRIV_KEY)) return fail("ecdsa: " + openssl_error());
  return out;
}

Result<Bytes> rsa_numbers(const EVP_PKEY* key) {
  Bytes out;
  append_wire_string(out, std::string_view("ssh-rsa"));
  for (const char* name : {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D,
                           OSSL_PKEY_PARAM_RSA_COEFFICIENT1, OSSL_PKEY_PARAM_RSA_FACTOR1,
                           OSSL_PKEY_PARAM_RSA_FACTOR2}) {
    if (!append_number(out, key, name)) return fail("rsa: " + openssl_error());
  }
  return out;
}

}  // namespace

Result<EvpKey> make_private_key(const PrivateKeyView& view) {
  if (view.type == KeyType::kRsa) return make_rsa(view);
  if (view.type != KeyType::kEd25519) return make_ecdsa(view);
  EvpKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, view.secret.data(),
                                          view.secret.size()));
  if (!key) return fail("invalid private key: " + openssl_error());
  return key;
}

Bytes public_blob_of(const PrivateKeyView& view) {
  Bytes blob;
  const std::string_view name = key_type_name(view.type);
  append_wire_string(blob, name);
  if (view.type == KeyType::kRsa) {
    append_wire_string(blob, view.rsa_exponent);
  } else if (view.type != KeyType::kEd25519) {
    append_wire_string(blob, name.substr(std::string_view("ecdsa-sha2-").size()));
  }
  append_wire_string(blob, view.public_part);
  return blob;
}

Result<Bytes> private_numbers_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519: return ed25519_numbers(key);
    case EVP_PKEY_EC: return ecdsa_numbers(key);
    case EVP_PKEY_RSA: return rsa_numbers(key);
    default: return fail("unsupported type of key");
  }
}

}  // namespace ssh2incus
