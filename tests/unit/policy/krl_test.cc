// Revocation lists, section by section.
#include "policy/krl.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/policy/test_certificates.h"

namespace ssh2incus {
namespace {

Bytes numbers(const std::vector<std::uint64_t>& values) {
  Bytes out;
  for (const std::uint64_t number : values) append_wire_long_number(out, number);
  return out;
}

Bytes bitmap(std::uint64_t offset, const Bytes& bits) {
  Bytes out = numbers({offset});
  append_wire_string(out, bits);
  return out;
}

Bytes strings(const std::vector<Bytes>& values) {
  Bytes out;
  for (const Bytes& text : values) append_wire_string(out, text);
  return out;
}

Bytes section(std::uint8_t type, const Bytes& data) {
  Bytes out = {type};
  append_wire_string(out, data);
  return out;
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

Bytes krl(std::initializer_list<Bytes> sections, std::uint32_t version = 1) {
  Bytes out = {'S', 'S', 'H', 'K', 'R', 'L', '\n', 0};
  append_wire_number(out, version);
  for (const std::uint64_t number : {1UL, 2UL, 0UL}) append_wire_long_number(out, number);
  append_wire_string(out, std::string_view());
  append_wire_string(out, std::string_view("comment"));
  const Bytes rest = joined(sections);
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

class Krl : public testing::Test {
 protected:
  [[nodiscard]] Bytes of_ca(const Bytes& ca, std::initializer_list<Bytes> parts) const {
    Bytes data = strings({ca, {}});
    const Bytes rest = joined(parts);
    data.insert(data.end(), rest.begin(), rest.end());
    return section(1, data);
  }
  [[nodiscard]] RevocationSubject plain() const { return {{key_, key_sha1_, key_sha256_}, {}}; }
  [[nodiscard]] RevocationSubject certificate(std::uint64_t serial = 100) const {
    RevocationSubject subject = plain();
    subject.certificate = RevocableCertificate{{ca_, ca_sha1_, ca_sha256_}, serial, "anna"};
    return subject;
  }
  static bool revokes(const Bytes& file, const RevocationSubject& subject) {
    const auto why = why_revoked(file, subject);
    EXPECT_TRUE(why.ok()) << why.error().message;
    return why.ok() && !why->empty();
  }
  // For any key at all.
  void is_broken(const Bytes& file) const {
    EXPECT_FALSE(why_revoked(file, plain()).ok());
    EXPECT_FALSE(why_revoked(file, certificate()).ok());
  }
  // Whether a section of serial numbers has that one.
  [[nodiscard]] bool has(std::uint8_t type, const Bytes& data, std::uint64_t serial) const {
    return revokes(krl({of_ca(ca_, {section(type, data)})}), certificate(serial));
  }

  Bytes key_ = test::public_key(KeyType::kEd25519);
  Bytes key_sha1_ = Bytes(20, 1), key_sha256_ = Bytes(32, 2);
  Bytes ca_ = test::public_key(KeyType::kEcdsaNistp256);
  Bytes ca_sha1_ = Bytes(20, 3), ca_sha256_ = Bytes(32, 4);
  Bytes other_ = test::public_key(KeyType::kRsa);
};

TEST_F(Krl, WithoutSectionsRevokesNothing) {
  EXPECT_FALSE(revokes(krl({}), plain()));
  EXPECT_FALSE(revokes(krl({}), certificate()));
}

TEST_F(Krl, RevokesKeysAndCasByBlobAndHash) {
  const Bytes by_key = krl({section(2, strings({other_, key_}))});
  EXPECT_TRUE(revokes(by_key, plain()));
  EXPECT_TRUE(revokes(by_key, certificate()));
  const Bytes by_ca = krl({section(2, strings({ca_}))});
  EXPECT_FALSE(revokes(by_ca, plain()));
  EXPECT_TRUE(revokes(by_ca, certificate()));
  EXPECT_FALSE(revokes(krl({section(2, strings({other_}))}), certificate()));
  EXPECT_TRUE(revokes(krl({section(3, strings({Bytes(20, 9), key_sha1_}))}), plain()));
  EXPECT_TRUE(revokes(krl({section(3, strings({ca_sha1_}))}), certificate()));
  EXPECT_FALSE(revokes(krl({section(3, strings({ca_sha1_}))}), plain()));
  EXPECT_TRUE(revokes(krl({section(5, strings({key_sha256_}))}), plain()));
  EXPECT_TRUE(revokes(krl({section(5, strings({ca_sha256_}))}), certificate()));
  is_broken(krl({section(3, strings({key_sha256_}))}));
  is_broken(krl({section(5, strings({key_sha1_}))}));
  is_broken(krl({section(2, strings({Bytes()}))}));
}

TEST_F(Krl, RevokesSerialNumbersOfTheirCaOnly) {
  const Bytes list = section(0x20, numbers({5, 100}));
  EXPECT_TRUE(revokes(krl({of_ca(ca_, {list})}), certificate()));
  EXPECT_TRUE(revokes(krl({of_ca({}, {list})}), certificate()));
  EXPECT_FALSE(revokes(krl({of_ca(other_, {list})}), certificate()));
  EXPECT_FALSE(revokes(krl({of_ca(ca_, {list})}), certificate(6)));
  EXPECT_FALSE(revokes(krl({of_ca(ca_, {list})}), plain()));
  is_broken(krl({of_ca(ca_, {section(0x20, numbers({0}))})}));
  is_broken(krl({of_ca(ca_, {section(0x20, Bytes(7, 1))})}));
}

TEST_F(Krl, RevokesRanges) {
  const Bytes range = numbers({10, 20});
  for (const std::uint64_t serial : {10UL, 15UL, 20UL})
    EXPECT_TRUE(has(0x21, range, serial)) << serial;
  for (const std::uint64_t serial : {0UL, 9UL, 21UL})
    EXPECT_FALSE(has(0x21, range, serial)) << serial;
  EXPECT_TRUE(has(0x21, numbers({1, UINT64_MAX}), UINT64_MAX));
  EXPECT_FALSE(has(0x21, numbers({1, UINT64_MAX}), 0));
  for (const Bytes& wrong :
       {numbers({20, 10}), numbers({0, 10}), numbers({10}), numbers({10, 20, 30})}) {
    is_broken(krl({of_ca(other_, {section(0x21, wrong)})}));
  }
}

TEST_F(Krl, RevokesBitsOfBitmaps) {
  const Bytes bits = {0x00, 0x80, 0x01, 0x05};  // 23, 8, 2, 0
  for (const std::uint64_t bit : {0UL, 2UL, 8UL, 23UL})
    EXPECT_TRUE(has(0x22, bitmap(50, bits), 50 + bit));
  for (const std::uint64_t bit : {1UL, 3UL, 7UL, 9UL, 22UL, 24UL, 31UL, 32UL}) {
    EXPECT_FALSE(has(0x22, bitmap(50, bits), 50 + bit)) << bit;
  }
  EXPECT_FALSE(has(0x22, bitmap(50, bits), 49));
  EXPECT_FALSE(has(0x22, bitmap(50, {}), 50));
  EXPECT_FALSE(has(0x22, bitmap(50, {0, 0}), 50));
  EXPECT_FALSE(has(0x22, bitmap(0, {1}), 0));
  EXPECT_TRUE(has(0x22, bitmap(UINT64_MAX - 3, {0x0f}), UINT64_MAX));
  EXPECT_TRUE(has(0x22, bitmap(UINT64_MAX - 3, {0x0f}), UINT64_MAX - 3));
  is_broken(krl({of_ca(ca_, {section(0x22, bitmap(UINT64_MAX - 3, {0x10}))})}));
  is_broken(krl({of_ca(ca_, {section(0x22, numbers({1}))})}));
}

TEST_F(Krl, RevokesKeyIds) {
  const Bytes ids = section(0x23, strings({{'b'}, {'a', 'n', 'n', 'a'}}));
  EXPECT_TRUE(revokes(krl({of_ca(ca_, {ids})}), certificate()));
  EXPECT_TRUE(revokes(krl({of_ca({}, {ids})}), certificate(0)));
  EXPECT_FALSE(revokes(krl({of_ca(other_, {ids})}), certificate()));
  EXPECT_FALSE(revokes(krl({of_ca(ca_, {section(0x23, strings({{'a'}}))})}), certificate()));
}

TEST_F(Krl, IsBrokenByWhatItDoesNotKnow) {
  const Bytes extension = joined({strings({{'x'}}), Bytes{0}, strings({{}})});
  const Bytes critical = joined({strings({{'x'}}), Bytes{1}, strings({{}})});
  EXPECT_FALSE(revokes(krl({section(255, extension)}), plain()));
  EXPECT_FALSE(revokes(krl({of_ca(ca_, {section(0x39, extension)})}), certificate()));
  is_broken(krl({section(255, critical)}));
  is_broken(krl({of_ca(ca_, {section(0x39, critical)})}));
  is_broken(krl({section(255, joined({strings({{'x'}}), Bytes{2}, strings({{}})}))}));
  for (const std::uint8_t type : std::initializer_list<std::uint8_t>{0, 4, 6, 254})
    is_broken(krl({section(type, {})}));
  for (const std::uint8_t type : std::initializer_list<std::uint8_t>{0, 1, 0x1f, 0x24, 255}) {
    is_broken(krl({of_ca(other_, {section(type, {})})}));
  }
  is_broken(krl({}, 2));
}

TEST_F(Krl, IsBrokenWhenCutAnywhere) {
  const Bytes whole =
      krl({of_ca(ca_, {section(0x20, numbers({5})), section(0x21, numbers({7, 9})),
                       section(0x22, bitmap(20, {5})), section(0x23, strings({{'b'}}))}),
           section(2, strings({other_})), section(3, strings({Bytes(20, 9)}))});
  EXPECT_FALSE(revokes(whole, certificate()));
  std::set<std::size_t> ends;  // where a section ends, a list that is cut there can't be told
  for (const Bytes& end :
       {krl({}),
        krl({of_ca(ca_, {section(0x20, numbers({5})), section(0x21, numbers({7, 9})),
                         section(0x22, bitmap(20, {5})), section(0x23, strings({{'b'}}))})})}) {
    ends.insert(end.size());
  }
  ends.insert(whole.size() - section(3, strings({Bytes(20, 9)})).size());
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<long>(size));
    EXPECT_EQ(why_revoked(cut, plain()).ok(), ends.contains(size)) << size;
  }
  Bytes longer = whole;
  longer.push_back(0);
  is_broken(longer);
}

TEST_F(Krl, MayBeAPlainListOfKeys) {
  const auto file = [](const std::string& text) { return Bytes(text.begin(), text.end()); };
  const std::string key = test::key_text(KeyType::kEd25519);
  const std::string ca = test::key_text(KeyType::kEcdsaNistp256);
  EXPECT_FALSE(revokes({}, plain()));
  EXPECT_FALSE(revokes(file("# none\n\n  \n"), certificate()));
  EXPECT_TRUE(
      revokes(file("# one\n" + test::key_text(KeyType::kRsa) + "\n\t" + key + " me\r\n"), plain()));
  EXPECT_TRUE(revokes(file(key), certificate()));
  EXPECT_TRUE(revokes(file(ca), certificate()));
  EXPECT_FALSE(revokes(file(ca), plain()));
  // A key that we'd never take is no mistake.
  Bytes dss;
  append_wire_string(dss, std::string_view("ssh-dss"));
  EXPECT_FALSE(revokes(file("ssh-dss " + encode_base64(dss)), plain()));
  // A certificate stands for its key.
  const std::string type = test::certificate_type(KeyType::kEd25519);
  EXPECT_TRUE(revokes(file(type + " " + encode_base64(test::CertificateParts().blob())), plain()));
  for (const std::string& wrong :
       {std::string("SSHKRL"), std::string("nonsense"), "no-pty " + key, key.substr(0, 30),
        "ssh-rsa " + key.substr(12), key + "\n" + key.substr(0, key.size() - 1),
        type + " " + key.substr(12), std::string(limits::kMaxAuthorizedKeysLine + 1, 'x')}) {
    is_broken(file(wrong));
  }
}

}  // namespace
}  // namespace ssh2incus
