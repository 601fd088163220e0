// Any bytes as public key blob and as signature.
#include "policy/public_key_algorithms.h"
#include "policy/signature_subject.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static_cast<void>(inspect_public_key({data, size}).ok());
  static_cast<void>(parse_signature("sk-ssh-ed25519@openssh.com", {data, size}).ok());
  static_cast<void>(parse_signature("rsa-sha2-256", {data, size}).ok());
  return 0;
}
