// The form of certificates, and what their contents allow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/offered_key.h"
#include "tests/unit/policy/test_certificates.h"

namespace ssh2incus {
namespace {

using test::CertificateParts;
using test::packed;
using test::packed_options;
using test::value;
using testing::HasSubstr;

constexpr KeyType kTypes[] = {
    KeyType::kEd25519, KeyType::kEcdsaNistp256, KeyType::kEcdsaNistp384,  KeyType::kEcdsaNistp521,
    KeyType::kRsa,     KeyType::kSkEd25519,     KeyType::kSkEcdsaNistp256};

std::string why_not(const CertificateParts& parts) {
  const auto parsed = parse_certificate(parts.blob());
  return parsed.ok() ? "" : parsed.error().message;
}

TEST(Certificate, IsTakenApart) {
  for (const KeyType type : kTypes) {
    CertificateParts parts = CertificateParts::of(type);
    parts.critical = packed_options({{"force-command", value("id")}});
    const auto certificate = parse_certificate(parts.blob());
    ASSERT_TRUE(certificate.ok()) << certificate.error().message;
    EXPECT_EQ(certificate->key_type, type);
    EXPECT_EQ(certificate->key_blob, test::public_key(type));
    EXPECT_EQ(certificate->serial, 7U);
    EXPECT_EQ(certificate->kind, CertificateKind::kUser);
    EXPECT_EQ(certificate->key_id, "anna's key");
    EXPECT_EQ(certificate->principals, (std::vector<std::string>{"anna", "root"}));
    EXPECT_EQ(certificate->valid_after, 1'000U);
    EXPECT_EQ(certificate->valid_before, 2'000U);
    ASSERT_EQ(certificate->critical_options.size(), 1U);
    EXPECT_EQ(certificate->critical_options[0].data, value("id"));
    ASSERT_EQ(certificate->extensions.size(), 1U);
    EXPECT_EQ(certificate->extensions[0].name, "permit-pty");
    EXPECT_EQ(certificate->ca_key, parts.ca);
    EXPECT_EQ(certificate->signature_algorithm, "ssh-ed25519");
    EXPECT_EQ(certificate->signed_size, parts.signed_part().size());
  }
}

TEST(Certificate, IsRefusedWhenCutOrExtended) {
  for (const KeyType type : kTypes) {
    Bytes blob = CertificateParts::of(type).blob();
    for (std::size_t size = 0; size < blob.size(); ++size) {
      EXPECT_FALSE(parse_certificate(ByteView(blob).first(size)).ok()) << size;
    }
    blob.push_back(0);
    EXPECT_FALSE(parse_certificate(blob).ok());
  }
}

// What is signed doesn't depend on what is in it.
TEST(Certificate, IsSignedUpToItsSignatureWhateverItHolds) {
  for (const KeyType type : kTypes) {
    const Bytes blob = CertificateParts::of(type).blob();
    const std::size_t signed_size = CertificateParts::of(type).signed_part().size();
    for (std::size_t i = 0; i < blob.size(); ++i) {
      for (const int change : {0x01, 0x80, 0xff}) {
        Bytes other = blob;
        other[i] = static_cast<std::uint8_t>(other[i] ^ change);
        const auto parsed = parse_certificate(other);
        if (!parsed.ok()) continue;
        EXPECT_EQ(parsed->signed_size, signed_size) << i;
      }
    }
  }
}

TEST(Certificate, HasKeysOfItsTypeOnly) {
  for (const KeyType type : kTypes) {
    for (const KeyType other : kTypes) {
      // Any two strings may be numbers.
      if (type == KeyType::kRsa && other != type) continue;
      CertificateParts parts = CertificateParts::of(type);
      parts.key = test::public_key(other);
      EXPECT_EQ(parse_certificate(parts.blob()).ok(), type == other)
          << key_type_name(type) << " with " << key_type_name(other);
    }
  }
  CertificateParts parts;
  for (const char* type :
       {"ssh-ed25519", "ssh-dss-cert-v01@openssh.com", "", "ssh-ed25519-cert-v00@openssh.com",
        "rsa-sha2-256-cert-v01@openssh.com"}) {
    parts.type = type;
    EXPECT_NE(why_not(parts), "") << type;
  }
}

TEST(Certificate, IsSignedByAPlainKeyWithoutSha1) {
  for (const KeyType type : kTypes) {
    CertificateParts parts;
    parts.ca = test::public_key(type);
    const bool sk = is_security_key(type);
    parts.signature =
        test::fake_signature(type == KeyType::kRsa ? "rsa-sha2-256" : key_type_name(type));
    if (sk) parts.signature.insert(parts.signature.end(), {1, 0, 0, 0, 1});
    EXPECT_EQ(why_not(parts), "");
    parts.signature = test::fake_signature("ssh-rsa");
    EXPECT_NE(why_not(parts), "");
  }
  CertificateParts parts;
  parts.ca = test::rsa_key(1024);
  parts.signature = test::fake_signature("rsa-sha2-512");
  EXPECT_THAT(why_not(parts), HasSubstr("1024 bits"));
  parts.ca = CertificateParts().blob();
  parts.signature = test::fake_signature("ssh-ed25519");
  EXPECT_THAT(why_not(parts), HasSubstr("aren't accepted"));
  parts = CertificateParts();
  parts.signature.push_back(0);
  EXPECT_THAT(why_not(parts), HasSubstr("trailing bytes"));
  parts.ca.push_back(0);
  EXPECT_THAT(why_not(parts), HasSubstr("trailing bytes"));
}

TEST(Certificate, HasWellFormedContents) {
  const auto refuses = [](auto change) {
    CertificateParts parts;
    change(parts);
    EXPECT_NE(why_not(parts), "");
  };
  refuses([](CertificateParts& parts) { parts.kind = 0; });
  refuses([](CertificateParts& parts) { parts.kind = 3; });
  refuses([](CertificateParts& parts) { parts.key_id = std::string("a\0b", 3); });
  refuses([](CertificateParts& parts) { parts.principals = packed({std::string("a\0b", 3)}); });
  refuses([](CertificateParts& parts) { parts.principals = packed({""}); });
  refuses([](CertificateParts& parts) { parts.principals.push_back(0); });
  refuses([](CertificateParts& parts) {
    parts.principals = packed(std::vector<std::string>(limits::kMaxPrincipals + 1, "a"));
  });
  for (Bytes CertificateParts::*member :
       {&CertificateParts::critical, &CertificateParts::extensions}) {
    refuses([&](CertificateParts& parts) { parts.*member = Bytes{0}; });
    refuses([&](CertificateParts& parts) { parts.*member = packed_options({{"", {}}}); });
    refuses([&](CertificateParts& parts) { parts.*member = packed({"name"}); });
    refuses([&](CertificateParts& parts) {
      parts.*member = packed_options({{"permit-pty", {}}, {"x", {}}, {"permit-pty", {}}});
    });
    refuses([&](CertificateParts& parts) {
      parts.*member = packed_options({{std::string("permit-pty\0", 11), {}}});
    });
  }
  refuses([](CertificateParts& parts) { parts.nonce = Bytes(limits::kMaxPublicKeyBlob, 1); });
}

Circumstances at(std::int64_t now, std::string source = "192.0.2.7") {
  return {std::move(source), now, 0, {}};
}

Result<KeyGrant> judge(const CertificateParts& parts, const Circumstances& here = at(1'500)) {
  return judge_certificate(*parse_certificate(parts.blob()), here);
}

TEST(JudgedCertificate, AllowsWhatItsExtensionsSay) {
  CertificateParts parts;
  parts.extensions = {};
  auto grant = judge(parts);
  ASSERT_TRUE(grant.ok());
  EXPECT_FALSE(grant->pty || grant->port_forwarding || grant->agent_forwarding ||
               grant->x11_forwarding || grant->user_rc || grant->require_verify ||
               grant->forced_command);
  EXPECT_TRUE(grant->require_touch);
  const std::pair<const char*, bool KeyGrant::*> permissions[] = {
      {"permit-pty", &KeyGrant::pty},
      {"permit-port-forwarding", &KeyGrant::port_forwarding},
      {"permit-agent-forwarding", &KeyGrant::agent_forwarding},
      {"permit-X11-forwarding", &KeyGrant::x11_forwarding},
      {"permit-user-rc", &KeyGrant::user_rc}};
  for (const auto& [name, member] : permissions) {
    parts.extensions = packed_options({{name, {}}, {"unknown@example.org", value("x")}});
    grant = judge(parts);
    ASSERT_TRUE(grant.ok());
    for (const auto& [other, other_member] : permissions) {
      EXPECT_EQ((*grant).*other_member, member == other_member) << name << " and " << other;
    }
    parts.extensions = packed_options({{name, value("x")}});
    EXPECT_FALSE(judge(parts).ok()) << name;
  }
  parts.extensions = packed_options({{"no-touch-required", {}}});
  EXPECT_FALSE(judge(parts)->require_touch);
}

TEST(JudgedCertificate, KeepsToItsCriticalOptions) {
  CertificateParts parts;
  parts.critical = packed_options({{"force-command", value("uptime -p")}, {"verify-required", {}}});
  const auto grant = judge(parts);
  ASSERT_TRUE(grant.ok());
  EXPECT_EQ(**grant->forced_command, "uptime -p");
  EXPECT_TRUE(grant->require_verify);
  const std::vector<std::pair<std::string, Bytes>> wrong[] = {
      {{"foo", {}}},
      {{"Force-Command", value("id")}},
      {{"force-command", {}}},
      {{"force-command", Bytes{'i', 'd'}}},
      {{"force-command", packed({"id", "id"})}},
      {{"force-command", value(std::string_view("a\0b", 3))}},
      {{"verify-required", value("")}},
      {{"verify-required", {}}, {"foo@example.org", {}}},
      {{"permit-pty", {}}}};
  for (const auto& options : wrong) {
    parts.critical = packed_options(options);
    EXPECT_FALSE(judge(parts).ok()) << options.front().first;
  }
}

TEST(JudgedCertificate, KeepsToItsAddresses) {
  struct Row {
    const char* list;
    const char* source;
    bool allowed;
  };
  const Row rows[] = {{"192.0.2.7", "192.0.2.7", true},
                      {"192.0.2.0/24", "192.0.2.7", true},
                      {"192.0.2.0/24", "::ffff:192.0.2.7", true},
                      {"10.0.0.0/8,2001:db8::/32", "2001:db8::1", true},
                      {"10.0.0.0/8,2001:db8::/32", "192.0.2.7", false},
                      {"192.0.2.0/24", "not an address", false},
                      {"192.0.2.0/24,", "192.0.2.7", false},
                      {"192.0.2.0/24,x", "192.0.2.7", false},
                      {"192.0.2.*", "192.0.2.7", false},
                      {"!10.0.0.1,192.0.2.7", "192.0.2.7", false},
                      {"192.0.2.7/24", "192.0.2.7", false},
                      {"", "192.0.2.7", false}};
  for (const Row& row : rows) {
    CertificateParts parts;
    parts.critical = packed_options({{"source-address", value(row.list)}});
    EXPECT_EQ(judge(parts, at(1'500, row.source)).ok(), row.allowed) << row.list << row.source;
  }
}

TEST(JudgedCertificate, IsValidFromTheFirstSecondToBeforeTheLast) {
  CertificateParts parts;
  EXPECT_FALSE(judge(parts, at(999)).ok());
  EXPECT_TRUE(judge(parts, at(1'000)).ok());
  EXPECT_TRUE(judge(parts, at(1'999)).ok());
  EXPECT_FALSE(judge(parts, at(2'000)).ok());
  EXPECT_FALSE(judge(parts, at(-1)).ok());
  parts.after = 0;
  parts.before = UINT64_MAX;
  EXPECT_TRUE(judge(parts, at(-1)).ok());
  EXPECT_TRUE(judge(parts, at(INT64_MAX)).ok());
  parts.before = 0;
  EXPECT_FALSE(judge(parts, at(0)).ok());
}

TEST(JudgedCertificate, IsAUsersWithPrincipals) {
  CertificateParts parts;
  parts.kind = 2;
  EXPECT_THAT(judge(parts).error().message, HasSubstr("host"));
  parts = CertificateParts();
  parts.principals = {};
  EXPECT_THAT(judge(parts).error().message, HasSubstr("principals"));
}

TEST(OfferedKey, IsAKeyOrACertificateByItsAlgorithm) {
  for (const KeyType type : kTypes) {
    const bool rsa = type == KeyType::kRsa;
    const std::string plain = rsa ? "rsa-sha2-512" : std::string(key_type_name(type));
    const std::string certificate =
        rsa ? "rsa-sha2-512-cert-v01@openssh.com" : test::certificate_type(type);
    const Bytes blob = CertificateParts::of(type).blob();
    const auto offered = inspect_offered_key(certificate, blob);
    ASSERT_TRUE(offered.ok()) << offered.error().message;
    EXPECT_TRUE(offered->certificate.has_value());
    EXPECT_EQ(offered->key_blob, test::public_key(type));
    EXPECT_EQ(offered->signature_algorithm, plain);
    const auto key = inspect_offered_key(plain, test::public_key(type));
    ASSERT_TRUE(key.ok());
    EXPECT_FALSE(key->certificate.has_value());
    EXPECT_EQ(key->signature_algorithm, plain);
    EXPECT_FALSE(inspect_offered_key(plain, blob).ok());
    EXPECT_FALSE(inspect_offered_key(certificate, test::public_key(type)).ok());
  }
  const Bytes rsa = CertificateParts::of(KeyType::kRsa).blob();
  EXPECT_EQ(inspect_offered_key("rsa-sha2-256-cert-v01@openssh.com", rsa)->signature_algorithm,
            "rsa-sha2-256");
  EXPECT_THAT(inspect_offered_key("ssh-rsa-cert-v01@openssh.com", rsa).error().message,
              HasSubstr("SHA-1"));
  EXPECT_FALSE(inspect_offered_key("ssh-ed25519-cert-v01@openssh.com", rsa).ok());
  CertificateParts small = CertificateParts::of(KeyType::kRsa);
  small.key = test::rsa_key(1024);
  EXPECT_FALSE(inspect_offered_key("rsa-sha2-256-cert-v01@openssh.com", small.blob()).ok());
}

}  // namespace
}  // namespace ssh2incus
