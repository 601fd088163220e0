// OpenSSH's user certificates (PROTOCOL.certkeys): their form, and what their contents allow. Fed
// by clients; nothing is signed until the monitor has verified the CA's signature, and whether the
// CA is to be believed isn't decided here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "policy/authorized_keys.h"
#include "policy/public_key_algorithms.h"
#include "policy/ssh_wire.h"

namespace ssh2incus {

enum class CertificateKind : std::uint8_t { kUser = 1, kHost };

struct CertificateOption {
  std::string name;
  Bytes data;
};

struct Certificate {
  KeyType key_type{};  // of the certified key
  Bytes key_blob;      // the certified key as a plain one would be sent
  std::uint64_t serial = 0;
  CertificateKind kind{};
  std::string key_id;
  std::vector<std::string> principals;
  std::uint64_t valid_after = 0;   // seconds since 1970; the first one in which it is valid
  std::uint64_t valid_before = 0;  // and the first in which it no longer is
  std::vector<CertificateOption> critical_options;
  std::vector<CertificateOption> extensions;
  Bytes ca_key;  // a plain key of a type that we know
  std::string signature_algorithm;
  Bytes signature;              // as parse_signature() takes it
  std::size_t signed_size = 0;  // how many bytes of the certificate, from its first, are signed
};

// The form is checked to the last byte. Refused besides: what a plain key would be refused for, CA
// keys that are certificates, SHA-1 signatures, RSA CA keys of less than 2048 bits, NULs in texts,
// an option that is given twice.
Result<Certificate> parse_certificate(ByteView blob);

// What the certificate's contents allow under these circumstances. The error says why it can't be
// used: a host's, not valid now, not from this address, an unknown critical option, no principals.
// Whether one of the principals is the right one is for the CA's line to say.
Result<KeyGrant> judge_certificate(const Certificate& certificate,
                                   const Circumstances& circumstances);

}  // namespace ssh2incus
