// What a client offers to prove: a plain key or a certificate, and by which algorithm its holder
// has to sign. Fed by clients.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/certificate.h"

namespace ssh2incus {

struct OfferedKey {
  std::string signature_algorithm;         // "rsa-sha2-256" where it is a certificate's, too
  Bytes key_blob;                          // of the plain key: the certified one
  std::optional<Certificate> certificate;  // none: the key itself was offered
};

// Both as the client sends them. The error says why such a key is never accepted.
Result<OfferedKey> inspect_offered_key(std::string_view algorithm, ByteView blob);

}  // namespace ssh2incus
