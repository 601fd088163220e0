// Whether a certificate is one, and what it allows. Certificates come from clients. That its CA may
// be believed isn't said by that: the key reader knows.
#pragma once

#include <span>

#include "policy/certificate.h"

namespace ssh2incus {

// ok: the CA that the certificate names has signed it, and it may be used under these
// circumstances. blob is what the certificate was parsed from.
Result<KeyGrant> check_certificate(const Certificate& certificate,
                                   std::span<const std::uint8_t> blob,
                                   const Circumstances& circumstances);

}  // namespace ssh2incus
