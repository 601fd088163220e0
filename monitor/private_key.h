// Private keys as OpenSSL holds them. Fed with checked views of key files.
#pragma once

#include "common/bounded.h"
#include "common/result.h"
#include "monitor/openssh_key.h"
#include "monitor/public_key.h"

namespace ssh2incus {

// What EVP_PKEY_free() destroys is the only copy left of the private numbers, besides the view's.
Result<EvpKey> make_private_key(const PrivateKeyView& view);

// RFC 4253 §6.6.
Bytes public_blob_of(const PrivateKeyView& view);

// The opposite of parse_private_numbers(), for a key that OpenSSL has read from PEM; leaves copies,
// so it's for a process that ends at once.
Result<Bytes> private_numbers_of(const EVP_PKEY* key);

}  // namespace ssh2incus
