// Tells plain keys from certificates by the algorithm's name, and holds the blob to it.
#include "policy/offered_key.h"

namespace ssh2incus {

Result<OfferedKey> inspect_offered_key(std::string_view algorithm, ByteView blob) {
  OfferedKey offered;
  const auto signature_algorithm = signature_algorithm_of_certificates(algorithm);
  if (!signature_algorithm) {
    TRY(check_public_key(algorithm, blob));
    offered.signature_algorithm = std::string(algorithm);
    offered.key_blob = Bytes(blob.begin(), blob.end());
    return offered;
  }
  offered.certificate = TRY(parse_certificate(blob));
  offered.key_blob = offered.certificate->key_blob;
  offered.signature_algorithm = std::string(*signature_algorithm);
  TRY(check_public_key(*signature_algorithm, offered.key_blob));
  return offered;
}

}  // namespace ssh2incus
