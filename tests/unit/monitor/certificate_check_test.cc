// Certificates that CAs have really signed: by keys of every type, and by the stock ssh-keygen.
#include "monitor/certificate_check.h"

#include <gtest/gtest.h>

#include "monitor/signature_verifier.h"
#include "policy/offered_key.h"
#include "tests/unit/monitor/temporary_directory.h"
#include "tests/unit/monitor/test_keys.h"
#include "tests/unit/policy/test_certificates.h"

namespace ssh2incus {
namespace {

const Circumstances kHere = {"192.0.2.7", 1'500, 0, {}};

Status check(const Bytes& blob, const Circumstances& here = kHere) {
  const auto certificate = parse_certificate(blob);
  if (!certificate.ok()) return certificate.error();
  TRY(check_certificate(*certificate, blob, here));
  return {};
}

struct Authority {
  ClientKey key;
  std::string algorithm;
};

std::vector<Authority> authorities() {
  std::vector<Authority> all;
  all.push_back({make_ed25519(), "ssh-ed25519"});
  all.push_back({make_ecdsa("P-256"), "ecdsa-sha2-nistp256"});
  all.push_back({make_ecdsa("P-384"), "ecdsa-sha2-nistp384"});
  all.push_back({make_ecdsa("P-521"), "ecdsa-sha2-nistp521"});
  all.push_back({make_rsa(2048), "rsa-sha2-256"});
  all.push_back({make_rsa(2048), "rsa-sha2-512"});
  return all;
}

TEST(CertificateCheck, TakesWhatTheCaHasSigned) {
  for (const Authority& ca : authorities()) {
    test::CertificateParts parts;
    parts.ca = ca.key.blob;
    parts.signature = sign(ca.key, ca.algorithm, parts.signed_part());
    const Status checked = check(parts.blob());
    EXPECT_TRUE(checked.ok()) << ca.algorithm << checked.error().message;
    EXPECT_FALSE(check(parts.blob(), {"192.0.2.7", 2'000, 0, {}}).ok());
  }
}

TEST(CertificateCheck, TakesACaThatIsASecurityKey) {
  const ClientKey ca = as_security_key(make_ed25519(), "ssh:");
  test::CertificateParts parts;
  parts.ca = ca.blob;
  parts.signature = sign_as_security_key(ca, "ssh:", 1, 5, parts.signed_part());
  EXPECT_TRUE(check(parts.blob()).ok());
  parts.serial += 1;
  EXPECT_FALSE(check(parts.blob()).ok());
}

TEST(CertificateCheck, RefusesAnyByteThatTheCaHasNotSigned) {
  const ClientKey ca = make_ed25519();
  test::CertificateParts parts;
  parts.ca = ca.blob;
  parts.signature = sign(ca, "ssh-ed25519", parts.signed_part());
  const Bytes good = parts.blob();
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes changed = good;
    changed[i] ^= 0x01;
    EXPECT_FALSE(check(changed).ok()) << i;
  }
}

TEST(CertificateCheck, RefusesTheSignatureOfAnotherKeyOrAlgorithm) {
  const ClientKey ca = make_ed25519();
  test::CertificateParts parts;
  parts.ca = ca.blob;
  parts.signature = sign(make_ed25519(), "ssh-ed25519", parts.signed_part());
  EXPECT_FALSE(check(parts.blob()).ok());
  const ClientKey rsa = make_rsa(2048);
  parts.ca = rsa.blob;
  parts.signature = sign(rsa, "ssh-rsa", parts.signed_part());
  EXPECT_FALSE(check(parts.blob()).ok());
  parts.signature =
      encode_signature("rsa-sha2-512", sign_raw(rsa, "rsa-sha2-256", parts.signed_part()));
  EXPECT_FALSE(check(parts.blob()).ok());
  const ClientKey small = make_rsa(1024);
  parts.ca = small.blob;
  parts.signature = sign(small, "rsa-sha2-256", parts.signed_part());
  EXPECT_FALSE(check(parts.blob()).ok());
}

class StockCertificate : public testing::TestWithParam<const char*> {};

// The second word of the file: the certificate's blob.
Bytes blob_of(const std::string& path) {
  std::istringstream words(read_file(path));
  std::string type;
  std::string text;
  words >> type >> text;
  return decode_base64(text).value_or(Bytes());
}

TEST_P(StockCertificate, IsUnderstood) {
  const TemporaryDirectory top;
  const std::string key = top.path("key");
  const auto keygen = [](const std::string& arguments) {
    return std::system(("ssh-keygen -q " + arguments).c_str());
  };
  ASSERT_EQ(keygen("-N '' -t ed25519 -f " + key), 0);
  ASSERT_EQ(keygen("-N '' -f " + top.path("ca") + " -t " + GetParam()), 0);
  ASSERT_EQ(keygen("-s " + top.path("ca") + " -I 'the id' -n anna,bert -z 18446744073709551615 " +
                   "-V 19700101000100Z:20990101000000Z -O force-command=id -O verify-required " +
                   "-O source-address=192.0.2.0/24,::1 -O no-pty " + key + ".pub"),
            0);
  const Bytes blob = blob_of(key + "-cert.pub");
  const auto certificate = parse_certificate(blob);
  ASSERT_TRUE(certificate.ok()) << certificate.error().message;
  EXPECT_EQ(certificate->serial, UINT64_MAX);
  EXPECT_EQ(certificate->key_id, "the id");
  EXPECT_EQ(certificate->principals, (std::vector<std::string>{"anna", "bert"}));
  const auto grant = check_certificate(*certificate, blob, kHere);
  ASSERT_TRUE(grant.ok()) << grant.error().message;
  EXPECT_EQ(**grant->forced_command, "id");
  EXPECT_TRUE(grant->require_verify && grant->agent_forwarding && !grant->pty);
  EXPECT_FALSE(check(blob, {"192.0.3.1", 1'500, 0, {}}).ok());
  EXPECT_EQ(certificate->key_blob, blob_of(key + ".pub"));
  EXPECT_EQ(certificate->ca_key, blob_of(top.path("ca.pub")));
}

INSTANTIATE_TEST_SUITE_P(All, StockCertificate,
                         testing::Values("ed25519", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521",
                                         "rsa -b 2048"));

}  // namespace
}  // namespace ssh2incus
