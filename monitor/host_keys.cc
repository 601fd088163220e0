// Signs exchange hashes, of which sessiond chooses key, algorithm and hash: all three are checked
// here. And signs what proves the keys themselves, which is put together here.
#include "monitor/host_keys.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "monitor/host_key_file.h"
#include "monitor/public_key.h"
#include "monitor/signature_verifier.h"
#include "policy/algorithm_lists.h"
#include "policy/signature_subject.h"
#include "policy/ssh_wire.h"

namespace ssh2incus {

using ipc::SignatureAlgorithm;

struct HostKeys::Entry {
  EvpKey key;  // null once wiped
  Bytes public_blob;
  KeyType type{};
};

namespace {

struct AlgorithmRow {
  SignatureAlgorithm algorithm;
  std::string_view name;
  KeyType type;
  const EVP_MD* (*digest)();
};

const EVP_MD* no_digest() { return nullptr; }

// In our order of preference.
constexpr std::array<AlgorithmRow, 6> kAlgorithms = {{
    {SignatureAlgorithm::kSshEd25519, "ssh-ed25519", KeyType::kEd25519, no_digest},
    {SignatureAlgorithm::kEcdsaNistp256, "ecdsa-sha2-nistp256", KeyType::kEcdsaNistp256,
     EVP_sha256},
    {SignatureAlgorithm::kEcdsaNistp384, "ecdsa-sha2-nistp384", KeyType::kEcdsaNistp384,
     EVP_sha384},
    {SignatureAlgorithm::kEcdsaNistp521, "ecdsa-sha2-nistp521", KeyType::kEcdsaNistp521,
     EVP_sha512},
    {SignatureAlgorithm::kRsaSha2_512, "rsa-sha2-512", KeyType::kRsa, EVP_sha512},
    {SignatureAlgorithm::kRsaSha2_256, "rsa-sha2-256", KeyType::kRsa, EVP_sha256},
}};

const AlgorithmRow& row_of(SignatureAlgorithm algorithm) {
  return *std::ranges::find(kAlgorithms, algorithm, &AlgorithmRow::algorithm);
}

// What a key exchange can produce: SHA-256, SHA-384, SHA-512.
bool is_hash_size(std::size_t size) { return size == 32 || size == 48 || size == 64; }

struct FreeDigestContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct FreeEcdsaSignature {
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};

Result<Bytes> raw_signature(EVP_PKEY* key, const EVP_MD* digest, ByteView bytes) {
  const std::unique_ptr<EVP_MD_CTX, FreeDigestContext> context(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (!context || EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes.data(), bytes.size()) != 1) {
    return fail("signing: " + openssl_error());
  }
  Bytes signature(size);
  if (EVP_DigestSign(context.get(), signature.data(), &size, bytes.data(), bytes.size()) != 1) {
    return fail("signing: " + openssl_error());
  }
  signature.resize(size);
  return signature;
}

void append_mpint(Bytes& out, const BIGNUM* number) {
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number)) + 1, 0);
  BN_bn2binpad(number, bytes.data(), static_cast<int>(bytes.size()));
  const bool needs_zero = bytes.size() > 1 && (bytes[1] & 0x80) != 0;
  append_wire_string(out, ByteView(bytes).subspan(needs_zero ? 0 : 1));
}

// RFC 5656 §3.1.2.
Result<Bytes> ecdsa_blob(const Bytes& der) {
  const unsigned char* in = der.data();
  const std::unique_ptr<ECDSA_SIG, FreeEcdsaSignature> signature(
      d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size())));
  if (!signature) return fail("signing: " + openssl_error());
  Bytes blob;
  append_mpint(blob, ECDSA_SIG_get0_r(signature.get()));
  append_mpint(blob, ECDSA_SIG_get0_s(signature.get()));
  return blob;
}

}  // namespace

HostKeys::HostKeys() = default;
HostKeys::HostKeys(HostKeys&&) noexcept = default;
HostKeys& HostKeys::operator=(HostKeys&&) noexcept = default;
HostKeys::~HostKeys() = default;

Result<std::vector<std::string>> HostKeys::default_paths() {
  std::vector<std::string> paths;
  for (const char* type : {"ed25519", "ecdsa", "rsa"}) {
    std::string path = std::string("/etc/ssh/ssh_host_") + type + "_key";
    if (access(path.c_str(), F_OK) == 0) paths.push_back(std::move(path));
  }
  if (paths.empty()) {
    return fail(
        "no host key in /etc/ssh; make one with: ssh-keygen -q -t ed25519 -N '' -f "
        "/etc/ssh/ssh_host_ed25519_key (or name another one with --host-key)");
  }
  return paths;
}

Result<HostKeys> HostKeys::load(const std::vector<std::string>& paths) {
  if (paths.size() > limits::kMaxHostKeys) {
    return fail("more than " + std::to_string(limits::kMaxHostKeys) + " host keys");
  }
  HostKeys keys;
  for (const std::string& path : paths) {
    HostKeyFile file = TRY(load_host_key_file(path));
    keys.entries_.push_back({std::move(file.key), std::move(file.public_blob), file.type});
    // Proves that the halves belong together and loads what OpenSSL needs for either.
    const Bytes hash(64, 0x5a);
    for (const AlgorithmRow& row : kAlgorithms) {
      if (row.type != file.type) continue;
      const Bytes signature = TRY(keys.sign(keys.size() - 1, row.algorithm, hash));
      const auto verdict =
          verify_signature(keys.entries_.back().public_blob, row.name, signature, hash, {});
      if (!verdict.ok()) return fail("host key " + path + ": " + verdict.error().message);
    }
  }
  if (keys.size() == 0) return fail("no host keys");
  return keys;
}

std::size_t HostKeys::size() const { return entries_.size(); }

std::vector<Bytes> HostKeys::public_blobs() const {
  std::vector<Bytes> blobs;
  for (const Entry& entry : entries_) blobs.push_back(entry.public_blob);
  return blobs;
}

std::string HostKeys::algorithm_list() const {
  std::string list;
  for (const AlgorithmRow& row : kAlgorithms) {
    if (std::ranges::find(entries_, row.type, &Entry::type) == entries_.end()) continue;
    if (!list.empty()) list += ',';
    list += row.name;
  }
  return list;
}

Result<Bytes> HostKeys::sign(std::size_t index, SignatureAlgorithm algorithm,
                             std::span<const std::uint8_t> hash) const {
  if (!is_hash_size(hash.size())) return fail("not an exchange hash");
  return sign_bytes(index, algorithm, hash);
}

Result<Bytes> HostKeys::prove(std::size_t index, SignatureAlgorithm algorithm,
                              std::span<const std::uint8_t> session_id) const {
  if (index >= entries_.size()) return fail("no such host key");
  return sign_bytes(index, algorithm, host_key_proof_data(session_id, entries_[index].public_blob));
}

std::optional<SignatureAlgorithm> HostKeys::proof_algorithm(std::size_t index,
                                                            SignatureAlgorithm of_exchange,
                                                            std::string_view listed) const {
  if (index >= entries_.size()) return std::nullopt;
  const KeyType type = entries_[index].type;
  if (row_of(of_exchange).type == type) return of_exchange;
  for (const AlgorithmRow& row : kAlgorithms) {
    if (row.type == type && lists_algorithm(listed, row.name)) return row.algorithm;
  }
  return std::nullopt;
}

Result<Bytes> HostKeys::sign_bytes(std::size_t index, SignatureAlgorithm algorithm,
                                   std::span<const std::uint8_t> bytes) const {
  if (index >= entries_.size()) return fail("no such host key");
  const Entry& entry = entries_[index];
  const AlgorithmRow& row = row_of(algorithm);
  if (row.type != entry.type) return fail("the host key can't sign by that algorithm");
  if (!entry.key) return fail("the host keys have been wiped");
  Bytes signature = TRY(raw_signature(entry.key.get(), row.digest(), bytes));
  if (entry.type != KeyType::kEd25519 && entry.type != KeyType::kRsa) {
    signature = TRY(ecdsa_blob(signature));
  }
  Bytes out;
  append_wire_string(out, row.name);
  append_wire_string(out, signature);
  return out;
}

// OpenSSL clears private numbers as it frees them (BN_clear_free, OPENSSL_secure_clear_free), the
// ones that it derives (Montgomery contexts, blinding) included.
void HostKeys::wipe() {
  for (Entry& entry : entries_) entry.key.reset();
}

std::string_view signature_algorithm_name(SignatureAlgorithm algorithm) {
  return row_of(algorithm).name;
}

}  // namespace ssh2incus
