// Any bytes as certificate: what parses has its bounds within what was sent, names a plain key as
// its own and its CA's, and can be judged.
#include "common/check.h"
#include "policy/offered_key.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto certificate = parse_certificate({data, size});
  if (!certificate.ok()) return 0;
  CHECK(certificate->signed_size < size);
  CHECK(inspect_public_key(certificate->key_blob)->type == certificate->key_type);
  CHECK(check_public_key(certificate->signature_algorithm, certificate->ca_key).ok());
  const auto grant = judge_certificate(*certificate, {"192.0.2.1", 1'700'000'000, 0, {}});
  if (grant.ok()) CHECK(!certificate->principals.empty());
  return 0;
}
