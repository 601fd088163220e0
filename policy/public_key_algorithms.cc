// Tables of key types and the form of their blobs. Fed by clients and key files.
#include "policy/public_key_algorithms.h"

#include <array>
#include <bit>

#include "common/escape.h"
#include "policy/ssh_wire.h"

namespace ssh2incus {
namespace {

struct TypeRow {
  KeyType type;
  std::string_view name;
  std::string_view curve;  // ECDSA only
  std::size_t point_size;  // uncompressed point, or Ed25519's public key
  std::string_view certificate;
};
constexpr std::array<TypeRow, 7> kTypes = {{
    {KeyType::kEd25519, "ssh-ed25519", "", 32, "ssh-ed25519-cert-v01@openssh.com"},
    {KeyType::kEcdsaNistp256, "ecdsa-sha2-nistp256", "nistp256", 65,
     "ecdsa-sha2-nistp256-cert-v01@openssh.com"},
    {KeyType::kEcdsaNistp384, "ecdsa-sha2-nistp384", "nistp384", 97,
     "ecdsa-sha2-nistp384-cert-v01@openssh.com"},
    {KeyType::kEcdsaNistp521, "ecdsa-sha2-nistp521", "nistp521", 133,
     "ecdsa-sha2-nistp521-cert-v01@openssh.com"},
    {KeyType::kRsa, "ssh-rsa", "", 0, "ssh-rsa-cert-v01@openssh.com"},
    {KeyType::kSkEd25519, "sk-ssh-ed25519@openssh.com", "", 32,
     "sk-ssh-ed25519-cert-v01@openssh.com"},
    {KeyType::kSkEcdsaNistp256, "sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", 65,
     "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com"},
}};

const TypeRow& row_of(KeyType type) { return kTypes[static_cast<std::size_t>(type) - 1]; }

// Bits of a positive mpint in its shortest form; none for anything else.
std::optional<unsigned> positive_mpint_bits(ByteView bytes) {
  if (bytes.empty() || (bytes[0] & 0x80) != 0) return std::nullopt;
  if (bytes[0] == 0 && (bytes.size() == 1 || (bytes[1] & 0x80) == 0)) return std::nullopt;
  const bool padded = bytes[0] == 0;
  const ByteView digits = padded ? bytes.subspan(1) : bytes;
  return static_cast<unsigned>(digits.size() * 8) - 8 +
         static_cast<unsigned>(std::bit_width(static_cast<unsigned>(digits[0])));
}

Status read_rsa(WireReader& reader, PublicKeyFacts& facts) {
  const auto exponent = reader.string();
  const auto modulus = reader.string();
  if (!exponent || !modulus) return fail("RSA key is cut off");
  const auto exponent_bits = positive_mpint_bits(*exponent);
  const auto modulus_bits = positive_mpint_bits(*modulus);
  if (!exponent_bits || !modulus_bits) return fail("RSA key has a malformed number");
  // Public exponents are odd, above 1 and in practice 17 bits; a huge one only costs us time.
  if (*exponent_bits < 2 || *exponent_bits > 64 || (exponent->back() & 1) == 0) {
    return fail("RSA key has an unusable exponent");
  }
  facts.rsa_bits = *modulus_bits;
  return {};
}

Status read_elliptic(WireReader& reader, const TypeRow& row, PublicKeyFacts& facts) {
  if (!row.curve.empty()) {
    const auto curve = reader.string();
    if (!curve || as_text(*curve) != row.curve)
      return fail("key is on another curve than its type");
  }
  const auto point = reader.string();
  if (!point || point->size() != row.point_size) return fail("key has the wrong size for its type");
  if (!row.curve.empty() && (*point)[0] != 0x04) return fail("key isn't an uncompressed point");
  if (is_security_key(row.type)) {
    const auto application = reader.string();
    if (!application || application->size() > 256) return fail("security key has no application");
    facts.application = std::string(as_text(*application));
  }
  return {};
}

}  // namespace

std::string_view key_type_name(KeyType type) { return row_of(type).name; }

std::optional<KeyType> key_type_from_name(std::string_view name) {
  for (const TypeRow& row : kTypes) {
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

std::optional<KeyType> certified_key_type(std::string_view certificate_type) {
  for (const TypeRow& row : kTypes) {
    if (row.certificate == certificate_type) return row.type;
  }
  return std::nullopt;
}

std::optional<std::string_view> signature_algorithm_of_certificates(std::string_view algorithm) {
  if (algorithm == "rsa-sha2-256-cert-v01@openssh.com") return "rsa-sha2-256";
  if (algorithm == "rsa-sha2-512-cert-v01@openssh.com") return "rsa-sha2-512";
  // With ssh-rsa-cert-v01@openssh.com that is "ssh-rsa": SHA-1, refused by name further on.
  const auto type = certified_key_type(algorithm);
  if (!type) return std::nullopt;
  return key_type_name(*type);
}

Result<PublicKeyFacts> inspect_public_key(std::span<const std::uint8_t> blob) {
  WireReader reader(blob);
  const auto name = reader.string();
  if (!name) return fail("key has no type");
  const auto type = key_type_from_name(as_text(*name));
  if (!type) {
    return fail("keys of type " + quoted(as_text(*name).substr(0, 64)) + " aren't accepted");
  }
  PublicKeyFacts facts{*type, 0, {}};
  if (*type == KeyType::kRsa) {
    TRY(read_rsa(reader, facts));
  } else {
    TRY(read_elliptic(reader, row_of(*type), facts));
  }
  if (!reader.at_end()) return fail("trailing bytes after the key");
  return facts;
}

Status check_signature_algorithm(std::string_view algorithm, KeyType type, unsigned rsa_bits) {
  if (type != KeyType::kRsa) {
    if (algorithm == key_type_name(type)) return {};
    return fail(quoted(algorithm.substr(0, 64)) + " signatures don't go with a key of type " +
                std::string(key_type_name(type)));
  }
  if (algorithm == "ssh-rsa") return fail("RSA signatures with SHA-1 aren't accepted");
  if (algorithm != "rsa-sha2-256" && algorithm != "rsa-sha2-512") {
    return fail(quoted(algorithm.substr(0, 64)) + " signatures don't go with an RSA key");
  }
  if (rsa_bits < kMinimumRsaBits) {
    return fail("RSA key has " + std::to_string(rsa_bits) + " bits; at least " +
                std::to_string(kMinimumRsaBits) + " are needed");
  }
  if (rsa_bits > kMaximumRsaBits) return fail("RSA key is too large");
  return {};
}

Result<PublicKeyFacts> check_public_key(std::string_view algorithm,
                                        std::span<const std::uint8_t> blob) {
  PublicKeyFacts facts = TRY(inspect_public_key(blob));
  TRY(check_signature_algorithm(algorithm, facts.type, facts.rsa_bits));
  return facts;
}

Status security_key_flags_accepted(std::uint8_t flags, bool require_touch, bool require_verify) {
  constexpr std::uint8_t kUserPresent = 0x01;
  constexpr std::uint8_t kUserVerified = 0x04;
  if (require_touch && (flags & kUserPresent) == 0) {
    return fail("the security key wasn't touched for this signature");
  }
  if (require_verify && (flags & kUserVerified) == 0) {
    return fail("the security key didn't verify its user for this signature");
  }
  return {};
}

}  // namespace ssh2incus
