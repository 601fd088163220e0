// Private keys in their wire form: the format "openssh-key-v1" that ssh-keygen writes, and the
// private section inside it, which is also how a key read from PEM comes to us. Key files are the
// administrator's. No byte of a private key is copied out of the buffers given.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/result.h"
#include "common/secret.h"
#include "policy/public_key_algorithms.h"

namespace ssh2incus {

using KeyBytes = std::span<const std::uint8_t>;

// Views into the buffer that was parsed. Numbers are big-endian mpints, perhaps with a leading
// zero.
struct PrivateKeyView {
  KeyType type{};
  KeyBytes public_part;  // ed25519: 32 bytes; ecdsa: the point; rsa: the modulus
  KeyBytes secret;       // ed25519: the 32-byte seed; ecdsa and rsa: d
  KeyBytes rsa_exponent, rsa_inverse, rsa_p, rsa_q;
};

// Whether the file is in OpenSSH's own format (else: PEM).
bool is_openssh_key_file(KeyBytes file);

// The decoded body of an openssh-key-v1 file.
Result<Secret> decode_openssh_armor(KeyBytes file);

// The one private key in a decoded body. A passphrase is an error that says so.
Result<PrivateKeyView> parse_openssh_key(KeyBytes body);

// Key type and its numbers as they stand in a private section, and nothing after them.
Result<PrivateKeyView> parse_private_numbers(KeyBytes bytes);

}  // namespace ssh2incus
