// How host keys sign: the names of RFC 4253 §6.6 and its successors as they go over IPC.
#pragma once

#include <cstdint>

namespace ssh2incus::ipc {

enum class SignatureAlgorithm : std::uint8_t {
  kSshEd25519 = 1,
  kEcdsaNistp256,
  kEcdsaNistp384,
  kEcdsaNistp521,
  kRsaSha2_256,
  kRsaSha2_512,
};
constexpr bool is_valid(SignatureAlgorithm algorithm) {
  const auto raw = static_cast<std::uint8_t>(algorithm);
  return raw >= 1 && raw <= 6;
}

}  // namespace ssh2incus::ipc
