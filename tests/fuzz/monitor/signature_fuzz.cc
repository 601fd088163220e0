// Public keys and signatures of clients: the first two bytes are the key's length and the
// algorithm.
#include <array>
#include <string_view>

#include "monitor/public_key.h"
#include "monitor/signature_verifier.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ssh2incus;
  constexpr std::array<std::string_view, 8> kAlgorithms = {"ssh-ed25519",
                                                           "ecdsa-sha2-nistp256",
                                                           "ecdsa-sha2-nistp384",
                                                           "ecdsa-sha2-nistp521",
                                                           "rsa-sha2-256",
                                                           "rsa-sha2-512",
                                                           "sk-ssh-ed25519@openssh.com",
                                                           "sk-ecdsa-sha2-nistp256@openssh.com"};
  if (size < 3) return 0;
  const std::span<const std::uint8_t> rest(data + 3, size - 3);
  const std::size_t key_size = std::min<std::size_t>(rest.size(), data[0] * 256U + data[1]);
  static_cast<void>(verify_signature(rest.first(key_size), kAlgorithms[data[2] % 8],
                                     rest.subspan(key_size), rest, {true, (data[2] & 64) != 0}));
  return 0;
}
