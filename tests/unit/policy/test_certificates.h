// Certificates for tests, field by field, so that each can be wrong. Their signatures have the
// right form only; tests that verify sign signed_part() themselves.
#pragma once

#include <utility>
#include <vector>

#include "policy/certificate.h"
#include "tests/unit/policy/test_keys.h"

namespace ssh2incus::test {

inline std::string certificate_type(KeyType type) {
  std::string name(key_type_name(type));
  if (const std::size_t at = name.find('@'); at != std::string::npos) name.resize(at);
  return name + "-cert-v01@openssh.com";
}

inline Bytes packed(const std::vector<std::string>& strings) {
  Bytes out;
  for (const std::string& text : strings) append_wire_string(out, text);
  return out;
}

// An option's data that is one string.
inline Bytes value(std::string_view text) {
  Bytes out;
  append_wire_string(out, text);
  return out;
}

inline Bytes packed_options(const std::vector<std::pair<std::string, Bytes>>& options) {
  Bytes out;
  for (const auto& [name, data] : options) {
    append_wire_string(out, name);
    append_wire_string(out, data);
  }
  return out;
}

inline Bytes fake_signature(std::string_view algorithm) {
  Bytes out;
  append_wire_string(out, algorithm);
  append_wire_string(out, Bytes(64, 1));
  return out;
}

struct CertificateParts {
  std::string type = certificate_type(KeyType::kEd25519);
  Bytes nonce = Bytes(32, 9);
  Bytes key = public_key(KeyType::kEd25519);  // a plain blob
  std::uint64_t serial = 7;
  std::uint32_t kind = 1;
  std::string key_id = "anna's key";
  Bytes principals = packed({"anna", "root"});
  std::uint64_t after = 1'000;
  std::uint64_t before = 2'000;
  Bytes critical;
  Bytes extensions = packed_options({{"permit-pty", {}}});
  Bytes reserved;
  Bytes ca = public_key(KeyType::kEd25519);
  Bytes signature = fake_signature("ssh-ed25519");

  static CertificateParts of(KeyType key_type) {
    CertificateParts parts;
    parts.type = certificate_type(key_type);
    parts.key = public_key(key_type);
    return parts;
  }

  [[nodiscard]] Bytes signed_part() const {
    Bytes out;
    append_wire_string(out, type);
    append_wire_string(out, nonce);
    WireReader reader(key);
    reader.string();
    while (!reader.at_end()) append_wire_string(out, *reader.string());
    append_wire_long_number(out, serial);
    append_wire_number(out, kind);
    append_wire_string(out, key_id);
    append_wire_string(out, principals);
    append_wire_long_number(out, after);
    append_wire_long_number(out, before);
    for (const Bytes* field : {&critical, &extensions, &reserved, &ca}) {
      append_wire_string(out, *field);
    }
    return out;
  }
  [[nodiscard]] Bytes blob() const {
    Bytes out = signed_part();
    append_wire_string(out, signature);
    return out;
  }
};

}  // namespace ssh2incus::test
