// Client keys made with OpenSSL, and signatures over them as SSH encodes them, right or wrong.
#pragma once

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <memory>
#include <string>

#include "monitor/private_key.h"
#include "monitor/public_key.h"
#include "policy/ssh_wire.h"

namespace ssh2incus {

struct ClientKey {
  EvpKey key;
  std::string type;  // of the blob
  Bytes blob;
};

inline Bytes wire_string(ByteView bytes) {
  Bytes out;
  append_wire_string(out, bytes);
  return out;
}

inline ClientKey from_evp(EVP_PKEY* raw) {
  ClientKey client{EvpKey(raw), {}, {}};
  const auto numbers = private_numbers_of(raw);
  const auto view = parse_private_numbers(*numbers);
  client.type = std::string(key_type_name(view->type));
  client.blob = public_blob_of(*view);
  return client;
}

inline ClientKey make_ed25519() { return from_evp(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }
inline ClientKey make_ecdsa(const char* curve) {
  return from_evp(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve));
}
inline ClientKey make_rsa(std::size_t bits) {
  return from_evp(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits));
}

// The same key as a security key would hold it.
inline ClientKey as_security_key(ClientKey client, const std::string& application) {
  const bool ecdsa = client.type != "ssh-ed25519";
  WireReader reader(client.blob);
  reader.string();
  Bytes blob;
  client.type = ecdsa ? "sk-ecdsa-sha2-nistp256@openssh.com" : "sk-ssh-ed25519@openssh.com";
  append_wire_string(blob, client.type);
  while (!reader.at_end()) append_wire_string(blob, *reader.string());
  append_wire_string(blob, application);
  client.blob = blob;
  return client;
}

inline const EVP_MD* digest_for(const std::string& algorithm) {
  if (algorithm.find("ed25519") != std::string::npos) return nullptr;
  if (algorithm == "ssh-rsa") return EVP_sha1();
  if (algorithm.find("nistp384") != std::string::npos) return EVP_sha384();
  const bool long_one =
      algorithm.find("nistp521") != std::string::npos || algorithm.find("512") != std::string::npos;
  return long_one ? EVP_sha512() : EVP_sha256();
}

inline Bytes mpint(const BIGNUM* number) {
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number)) + 1, 0);
  BN_bn2binpad(number, bytes.data(), static_cast<int>(bytes.size()));
  if ((bytes[1] & 0x80) == 0) bytes.erase(bytes.begin());
  return bytes;
}

// r and s as mpints.
inline Bytes ecdsa_numbers_of(const Bytes& der) {
  const unsigned char* in = der.data();
  ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size()));
  Bytes out = wire_string(mpint(ECDSA_SIG_get0_r(signature)));
  append_wire_string(out, mpint(ECDSA_SIG_get0_s(signature)));
  ECDSA_SIG_free(signature);
  return out;
}

// What goes into the signature's second string.
inline Bytes sign_raw(const ClientKey& client, const std::string& algorithm, ByteView data) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::size_t size = 4096;
  Bytes signature(size);
  EVP_DigestSignInit(context, nullptr, digest_for(algorithm), nullptr, client.key.get());
  EVP_DigestSign(context, signature.data(), &size, data.data(), data.size());
  EVP_MD_CTX_free(context);
  signature.resize(size);
  return algorithm.find("ecdsa") != std::string::npos ? ecdsa_numbers_of(signature) : signature;
}

inline Bytes encode_signature(const std::string& algorithm, ByteView raw) {
  Bytes out = wire_string(as_bytes(algorithm));
  append_wire_string(out, raw);
  return out;
}

inline Bytes sign(const ClientKey& client, const std::string& algorithm, ByteView data) {
  return encode_signature(algorithm, sign_raw(client, algorithm, data));
}

inline Bytes sign_as_security_key(const ClientKey& client, const std::string& application,
                                  std::uint8_t flags, std::uint32_t counter, ByteView data) {
  std::array<std::uint8_t, 32> digest{};
  SHA256(as_bytes(application).data(), application.size(), digest.data());
  Bytes signed_data(digest.begin(), digest.end());
  signed_data.push_back(flags);
  append_wire_number(signed_data, counter);
  SHA256(data.data(), data.size(), digest.data());
  signed_data.insert(signed_data.end(), digest.begin(), digest.end());
  Bytes out = encode_signature(client.type, sign_raw(client, client.type, signed_data));
  out.push_back(flags);
  append_wire_number(out, counter);
  return out;
}

}  // namespace ssh2incus
