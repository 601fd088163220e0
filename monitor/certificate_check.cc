// The CA's signature first, then what it is over.
#include "monitor/certificate_check.h"

#include "common/check.h"
#include "monitor/signature_verifier.h"

namespace ssh2incus {

Result<KeyGrant> check_certificate(const Certificate& certificate,
                                   std::span<const std::uint8_t> blob,
                                   const Circumstances& circumstances) {
  CHECK(certificate.signed_size <= blob.size());
  // A CA that is a security key needn't have been touched: how it is used is its owner's business.
  const Status verified =
      verify_signature(certificate.ca_key, certificate.signature_algorithm, certificate.signature,
                       blob.first(certificate.signed_size), SkRequirements{false, false});
  if (!verified.ok()) {
    return fail("the CA's signature of the certificate: " + verified.error().message);
  }
  return judge_certificate(certificate, circumstances);
}

}  // namespace ssh2incus
