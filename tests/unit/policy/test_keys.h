// Public keys for tests: well-formed, of any type, made of constant bytes.
#pragma once

#include <string>
#include <string_view>

#include "policy/base64.h"
#include "policy/public_key_algorithms.h"
#include "policy/ssh_wire.h"

namespace ssh2incus::test {

// A number of exactly so many bits, as an mpint's bytes.
inline Bytes mpint_of_bits(unsigned bits) {
  Bytes bytes((bits + 7) / 8, 0xff);
  bytes[0] = static_cast<std::uint8_t>(0xffU >> (bytes.size() * 8 - bits));
  if (bits % 8 == 0) bytes.insert(bytes.begin(), 0);
  return bytes;
}

inline Bytes rsa_key(unsigned bits, const Bytes& exponent = {1, 0, 1}) {
  Bytes blob;
  append_wire_string(blob, std::string_view("ssh-rsa"));
  append_wire_string(blob, exponent);
  append_wire_string(blob, mpint_of_bits(bits));
  return blob;
}

inline Bytes public_key(KeyType type) {
  if (type == KeyType::kRsa) return rsa_key(3072);
  Bytes blob;
  append_wire_string(blob, key_type_name(type));
  const auto ecdsa = [&](std::string_view curve, std::size_t size) {
    append_wire_string(blob, curve);
    Bytes point(size, 0x5a);
    point[0] = 4;
    append_wire_string(blob, point);
  };
  switch (type) {
    case KeyType::kEcdsaNistp256: ecdsa("nistp256", 65); break;
    case KeyType::kEcdsaNistp384: ecdsa("nistp384", 97); break;
    case KeyType::kEcdsaNistp521: ecdsa("nistp521", 133); break;
    case KeyType::kSkEcdsaNistp256: ecdsa("nistp256", 65); break;
    default: append_wire_string(blob, Bytes(32, 0x5a)); break;
  }
  if (is_security_key(type)) append_wire_string(blob, std::string_view("ssh:"));
  return blob;
}

// "ssh-ed25519 AAAA..."
inline std::string key_text(KeyType type) {
  return std::string(key_type_name(type)) + " " + encode_base64(public_key(type));
}

}  // namespace ssh2incus::test
