// A bounded parser of OpenSSH's PROTOCOL.key; every length is checked by WireReader.
#include "monitor/openssh_key.h"

#include <algorithm>
#include <optional>

#include "policy/ssh_wire.h"

namespace ssh2incus {
namespace {

constexpr std::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----";
constexpr std::string_view kEnd = "-----END OPENSSH PRIVATE KEY-----";
constexpr std::string_view kMagic{"openssh-key-v1\0", 15};
constexpr std::size_t kSeedSize = 32;
constexpr std::size_t kMaxPadding = 8;  // the block size of cipher "none"

constexpr int sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

// Base64 with line ends into one buffer; policy/base64.h would leave a copy behind.
Result<Secret> decode_lines(std::string_view text) {
  Secret out = Secret::with_size(text.size() / 4 * 3 + 3);
  std::size_t used = 0;
  std::uint32_t bits = 0;
  unsigned count = 0;
  bool padded = false;
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    if (c == '=') {
      padded = true;
      continue;
    }
    const int value = sextet(c);
    if (value < 0 || padded) return fail("malformed base64");
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.writable()[used++] = static_cast<std::uint8_t>(bits >> count);
    }
  }
  out.shrink(used);
  return out;
}

// The fields of a parser step; nothing if the bytes end too early.
std::optional<KeyBytes> mpint(WireReader& reader) {
  const auto bytes = reader.string();
  if (!bytes || bytes->empty() || (bytes->front() & 0x80) != 0) return std::nullopt;
  return bytes;
}

bool read_ed25519(WireReader& reader, PrivateKeyView& key) {
  const auto public_part = reader.string();
  const auto both = reader.string();
  if (!public_part || !both || public_part->size() != kSeedSize || both->size() != 2 * kSeedSize)
    return false;
  key.public_part = *public_part;
  key.secret = both->first(kSeedSize);
  return std::ranges::equal(both->last(kSeedSize), *public_part);
}

bool read_ecdsa(WireReader& reader, PrivateKeyView& key) {
  const auto curve = reader.string();
  const auto point = reader.string();
  const auto secret = mpint(reader);
  if (!curve || !point || !secret) return false;
  if ("ecdsa-sha2-" + std::string(as_text(*curve)) != key_type_name(key.type)) return false;
  key.public_part = *point;
  key.secret = *secret;
  return true;
}

bool read_rsa(WireReader& reader, PrivateKeyView& key) {
  const auto modulus = mpint(reader);
  const auto exponent = mpint(reader);
  const auto secret = mpint(reader);
  const auto inverse = mpint(reader);
  const auto p = mpint(reader);
  const auto q = mpint(reader);
  if (!modulus || !exponent || !secret || !inverse || !p || !q) return false;
  key.public_part = *modulus;
  key.rsa_exponent = *exponent;
  key.secret = *secret;
  key.rsa_inverse = *inverse;
  key.rsa_p = *p;
  key.rsa_q = *q;
  return true;
}

bool read_numbers(WireReader& reader, PrivateKeyView& key) {
  switch (key.type) {
    case KeyType::kEd25519: return read_ed25519(reader, key);
    case KeyType::kEcdsaNistp256:
    case KeyType::kEcdsaNistp384:
    case KeyType::kEcdsaNistp521: return read_ecdsa(reader, key);
    case KeyType::kRsa: return read_rsa(reader, key);
    case KeyType::kSkEd25519:
    case KeyType::kSkEcdsaNistp256: return false;
  }
  return false;
}

Result<PrivateKeyView> read_private_key(WireReader& reader) {
  const auto name = reader.string();
  if (!name) return fail("truncated key");
  const auto type = key_type_from_name(as_text(*name));
  if (!type || is_security_key(*type)) return fail("unsupported type of key");
  PrivateKeyView key;
  key.type = *type;
  if (!read_numbers(reader, key)) return fail("malformed private key");
  return key;
}

Result<PrivateKeyView> parse_private_section(KeyBytes section) {
  WireReader reader(section);
  const auto check1 = reader.number();
  const auto check2 = reader.number();
  if (!check1 || !check2 || *check1 != *check2) return fail("corrupt private key");
  PrivateKeyView key = TRY(read_private_key(reader));
  if (!reader.string()) return fail("truncated key");  // the comment
  for (std::uint8_t expected = 1; !reader.at_end(); ++expected) {
    if (expected > kMaxPadding || reader.byte() != expected) return fail("malformed padding");
  }
  return key;
}

}  // namespace

bool is_openssh_key_file(KeyBytes file) { return as_text(file).starts_with(kBegin); }

Result<Secret> decode_openssh_armor(KeyBytes file) {
  std::string_view text = as_text(file);
  if (!text.starts_with(kBegin)) return fail("not an OpenSSH private key");
  text.remove_prefix(kBegin.size());
  const std::size_t end = text.find(kEnd);
  if (end == std::string_view::npos) return fail("the end line is missing");
  return decode_lines(text.substr(0, end));
}

Result<PrivateKeyView> parse_openssh_key(KeyBytes body) {
  if (!as_text(body).starts_with(kMagic)) return fail("not an openssh-key-v1 body");
  WireReader reader(body.subspan(kMagic.size()));
  const auto cipher = reader.string();
  const auto kdf = reader.string();
  const auto kdf_options = reader.string();
  const auto count = reader.number();
  if (!cipher || !kdf || !kdf_options || !count) return fail("truncated key");
  if (as_text(*cipher) != "none" || as_text(*kdf) != "none") {
    return fail("the key is protected by a passphrase; a host key must not be");
  }
  if (*count != 1 || !kdf_options->empty()) return fail("malformed key");
  const auto public_blob = reader.string();
  const auto section = reader.string();
  if (!public_blob || !section || !reader.at_end()) return fail("truncated key");
  return parse_private_section(*section);
}

Result<PrivateKeyView> parse_private_numbers(KeyBytes bytes) {
  WireReader reader(bytes);
  PrivateKeyView key = TRY(read_private_key(reader));
  if (!reader.at_end()) return fail("trailing bytes after private key");
  return key;
}

}  // namespace ssh2incus
