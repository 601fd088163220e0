// The parsers of OpenSSH's private key files.
#include "monitor/openssh_key.h"
#include "monitor/private_key.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ssh2incus;
  const KeyBytes input(data, size);
  if (auto body = decode_openssh_armor(input); body.ok()) {
    static_cast<void>(parse_openssh_key(body->bytes()));
  }
  static_cast<void>(parse_openssh_key(input));
  const auto view = parse_private_numbers(input);
  if (view.ok()) static_cast<void>(public_blob_of(*view));
  return 0;
}
