// The host's private keys: loaded once by the listener, used by the monitor, destroyed in every
// process that need not sign. Key files are the administrator's; the hash to sign comes from
// sessiond.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/bounded.h"
#include "common/ipc_sessiond.h"
#include "common/result.h"

namespace ssh2incus {

class HostKeys {
 public:
  // Every file must be loadable: owned by root, no access for others, not protected by a
  // passphrase; ed25519, ecdsa or rsa of at least 2048 bits; OpenSSH's format or PEM. Each key has
  // signed once when this returns, so that OpenSSL needs no files afterwards. At most kMaxHostKeys.
  static Result<HostKeys> load(const std::vector<std::string>& paths);
  // Those of /etc/ssh/ssh_host_{ed25519,ecdsa,rsa}_key that exist; none: an error that says how to
  // make one.
  static Result<std::vector<std::string>> default_paths();

  HostKeys(HostKeys&&) noexcept;
  HostKeys& operator=(HostKeys&&) noexcept;
  HostKeys(const HostKeys&) = delete;
  HostKeys& operator=(const HostKeys&) = delete;
  ~HostKeys();

  [[nodiscard]] std::size_t size() const;
  // RFC 4253 §6.6, in the order of load().
  [[nodiscard]] std::vector<Bytes> public_blobs() const;
  // The host key algorithms that these keys can serve, in our order of preference.
  [[nodiscard]] std::string algorithm_list() const;

  // The signature as RFC 4253 §6.6 encodes it: algorithm name and blob. Refuses an unknown index,
  // an algorithm that isn't the key's, anything that hasn't the length of an exchange hash (32, 48
  // or 64 bytes), and keys that have been wiped.
  [[nodiscard]] Result<Bytes> sign(std::size_t index, ipc::SignatureAlgorithm algorithm,
                                   std::span<const std::uint8_t> hash) const;

  // Proves a key to the client of that session (host_key_proof_data()), in the same form.
  [[nodiscard]] Result<Bytes> prove(std::size_t index, ipc::SignatureAlgorithm algorithm,
                                    std::span<const std::uint8_t> session_id) const;
  // By which algorithm to prove it, of those listed (comma-separated): the one of the last key
  // exchange if it is this key's, as clients expect of RSA. None: no such key, or none is listed.
  [[nodiscard]] std::optional<ipc::SignatureAlgorithm> proof_algorithm(
      std::size_t index, ipc::SignatureAlgorithm of_exchange, std::string_view listed) const;

  // Destroys the private keys for good; the public ones stay.
  void wipe();

 private:
  struct Entry;
  HostKeys();
  [[nodiscard]] Result<Bytes> sign_bytes(std::size_t index, ipc::SignatureAlgorithm algorithm,
                                         std::span<const std::uint8_t> bytes) const;
  std::vector<Entry> entries_;
};

// "ssh-ed25519", "rsa-sha2-512", ...
std::string_view signature_algorithm_name(ipc::SignatureAlgorithm algorithm);

}  // namespace ssh2incus
