// Which algorithms we speak, in OpenSSH's order of preference, and which signature algorithms go
// with which keys. Key blobs and names come from clients and key files; nothing here computes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/result.h"

namespace ssh2incus {

// Post-quantum first; no finite-field groups, no group exchange.
inline constexpr std::string_view kKeyExchangeAlgorithms =
    "mlkem768x25519-sha256,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,"
    "curve25519-sha256,curve25519-sha256@libssh.org,"
    "ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521";
inline constexpr std::string_view kHostKeyAlgorithms =
    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,"
    "rsa-sha2-512,rsa-sha2-256";
inline constexpr std::string_view kCiphers =
    "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,"
    "aes128-ctr,aes192-ctr,aes256-ctr";
inline constexpr std::string_view kMacs =
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"
    "hmac-sha2-256,hmac-sha2-512";  // for libssh2 (curl), which has no others
inline constexpr std::string_view kPublicKeyAlgorithms =
    "ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,"
    "ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,"
    "sk-ssh-ed25519-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,"
    "rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com,"
    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,"
    "sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256";

inline constexpr unsigned kMinimumRsaBits = 2048;
inline constexpr unsigned kMaximumRsaBits = 16384;

enum class KeyType : std::uint8_t {
  kEd25519 = 1,
  kEcdsaNistp256,
  kEcdsaNistp384,
  kEcdsaNistp521,
  kRsa,
  kSkEd25519,
  kSkEcdsaNistp256,
};
constexpr bool is_valid(KeyType type) {
  const auto raw = static_cast<std::uint8_t>(type);
  return raw >= 1 && raw <= 7;
}

std::string_view key_type_name(KeyType type);  // "ssh-rsa", ...
std::optional<KeyType> key_type_from_name(std::string_view name);
constexpr bool is_security_key(KeyType type) {
  return type == KeyType::kSkEd25519 || type == KeyType::kSkEcdsaNistp256;
}

// What a public key blob (RFC 4253 §6.6, RFC 5656, PROTOCOL.u2f) says about itself.
struct PublicKeyFacts {
  KeyType type{};
  unsigned rsa_bits = 0;    // of the modulus; 0 unless RSA
  std::string application;  // security keys only: "ssh:", ...
};
// The form is checked to the last byte; whether a point is on its curve isn't.
Result<PublicKeyFacts> inspect_public_key(std::span<const std::uint8_t> blob);

// The type of the keys in certificates of that type ("ssh-ed25519-cert-v01@openssh.com"); none for
// anything else.
std::optional<KeyType> certified_key_type(std::string_view certificate_type);
// By which algorithm the holder of a certificate signs who authenticates by that one:
// "rsa-sha2-256" for "rsa-sha2-256-cert-v01@openssh.com". None if it is no such algorithm.
std::optional<std::string_view> signature_algorithm_of_certificates(std::string_view algorithm);

// Whether a signature by this algorithm may prove this type of key. SHA-1 ("ssh-rsa") never may;
// rsa_bits counts for RSA only and must be within the limits above.
Status check_signature_algorithm(std::string_view algorithm, KeyType type, unsigned rsa_bits);
// The same for a blob as a client sends it. Returns what inspect_public_key() found.
Result<PublicKeyFacts> check_public_key(std::string_view algorithm,
                                        std::span<const std::uint8_t> blob);

// The flags byte of a security key's signature: bit 0 the user touched it, bit 2 the key verified
// the user.
Status security_key_flags_accepted(std::uint8_t flags, bool require_touch, bool require_verify);

}  // namespace ssh2incus
