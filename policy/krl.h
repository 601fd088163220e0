// Revoked keys: OpenSSH's binary key revocation lists (PROTOCOL.krl) and plain lists of public
// keys. Fed by a file of the administrator's. A file that isn't understood to its last byte is an
// error, by which every key has to be refused: it may hold what revokes this one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "policy/ssh_wire.h"

namespace ssh2incus {

// A plain key with what lists know it by.
struct RevocableKey {
  ByteView blob;
  ByteView sha1;  // of the blob
  ByteView sha256;
};

struct RevocableCertificate {
  RevocableKey ca;
  std::uint64_t serial = 0;  // 0: the CA doesn't count; no list can mean it
  std::string_view key_id;
};

struct RevocationSubject {
  RevocableKey key;  // the certified one, if it's a certificate
  std::optional<RevocableCertificate> certificate;
};

// By what the file revokes the key, its certificate or the certificate's CA; empty if it doesn't.
Result<std::string> why_revoked(ByteView file, const RevocationSubject& subject);

}  // namespace ssh2incus
