// Public keys as OpenSSL wants them. Blobs come from clients and are hostile.
#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "common/bounded.h"
#include "common/result.h"
#include "policy/public_key_algorithms.h"

namespace ssh2incus {

struct FreeEvpKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using EvpKey = std::unique_ptr<EVP_PKEY, FreeEvpKey>;

struct PublicKey {
  PublicKeyFacts facts;
  EvpKey key;
};

// A complete and valid key: right form to the last byte, point on its curve, sane RSA numbers.
Result<PublicKey> load_public_key(std::span<const std::uint8_t> blob);

// SHA-1 and SHA-256 of a blob: revocation lists know keys by them.
struct KeyDigests {
  Bytes sha1;
  Bytes sha256;
};
KeyDigests digests_of(std::span<const std::uint8_t> key_blob);

// "SHA256:..." without padding, as ssh-keygen -l prints it.
std::string fingerprint(std::span<const std::uint8_t> key_blob);

// What OpenSSL said last, for an error message; empties its queue.
std::string openssl_error();

}  // namespace ssh2incus
