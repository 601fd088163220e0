// CAs, principals and revoked keys in files, read by a real key reader.
#include "tests/unit/monitor/key_reader_fixture.h"

namespace ssh2incus {
namespace {

class KeyReaderOfCertificates : public KeyReader {
 protected:
  void SetUp() override {
    KeyReader::SetUp();
    if (IsSkipped()) return;
    chmod(etc_.path().c_str(), 0755);
    request_.key_sha1 = Bytes(20, 1);
    request_.key_sha256 = Bytes(32, 2);
    set_principals({"s2itest", "ops"});
  }
  void set_principals(const std::vector<std::string>& names) {
    CertificateQuery query;
    query.ca_key = ca_.blob;
    query.ca_sha1 = Bytes(20, 3);
    query.ca_sha256 = Bytes(32, 4);
    query.serial = 7;
    query.key_id = std::string("id");
    std::vector<BoundedString<limits::kMaxPublicKeyBlob>> principals;
    for (const std::string& name : names) principals.emplace_back(name);
    query.principals = std::move(principals);
    request_.certificate = query;
  }
  static std::string text_of(const ClientKey& key) {
    return "ssh-ed25519 " + encode_base64(key.blob) + "\n";
  }
  void trust(const std::string& content, mode_t mode = 0644) {
    sources_.trusted_user_ca_keys = etc_.write("cas", content, mode);
  }
  void revoke(const std::string& content, mode_t mode = 0644) {
    sources_.revoked_keys = etc_.write("revoked", content, mode);
  }

  TemporaryDirectory etc_{"/run"};
  ClientKey ca_ = make_ed25519();
};

TEST_F(KeyReaderOfCertificates, FindsATrustedCaForTheUsersName) {
  trust("# our CA\n" + text_of(make_ed25519()) + text_of(ca_), 0600);
  const KeysReply reply = read();
  ASSERT_TRUE(reply.accepted.has_value()) << reasons(reply);
  EXPECT_EQ(*reply.accepted->file, etc_.path("cas"));
  EXPECT_EQ(reply.accepted->line, 3U);
  EXPECT_EQ(*reply.accepted->principal, "s2itest");
  EXPECT_FALSE(reply.accepted->grant.require_touch);  // for the certificate to say
}

TEST_F(KeyReaderOfCertificates, RefusesOtherCasPrincipalsAndPlainKeys) {
  trust(text_of(make_ed25519()));
  EXPECT_FALSE(read().accepted.has_value());
  trust(text_of(key_));
  EXPECT_FALSE(read().accepted.has_value());
  trust("no-pty " + text_of(ca_));
  EXPECT_FALSE(read().accepted.has_value());
  trust(text_of(ca_));
  set_principals({"root", "S2ITEST"});
  const KeysReply reply = read();
  EXPECT_FALSE(reply.accepted.has_value());
  EXPECT_THAT(*reply.refusal, HasSubstr("principal"));
  // A trusted CA is no key, and its certificates' keys are none either.
  request_.certificate.reset();
  EXPECT_FALSE(read().accepted.has_value());
  request_.key_blob = ca_.blob;
  EXPECT_FALSE(read().accepted.has_value());
}

TEST_F(KeyReaderOfCertificates, DoesNotTrustFilesThatOthersCanWrite) {
  trust(text_of(ca_), 0664);
  EXPECT_THAT(reasons(read()), HasSubstr("can be written by others"));
  trust(text_of(ca_));
  EXPECT_TRUE(read().accepted.has_value());
  ASSERT_EQ(chown(etc_.path("cas").c_str(), user_.uid, 0), 0);
  EXPECT_FALSE(read().accepted.has_value());
  sources_.trusted_user_ca_keys = etc_.path("none");
  EXPECT_FALSE(read().accepted.has_value());
}

TEST_F(KeyReaderOfCertificates, FindsLinesOfAuthoritiesForCertificatesOnly) {
  write("authorized_keys", text_of(ca_) + text_of(key_) + line("cert-authority"));
  EXPECT_FALSE(read().accepted.has_value());
  write("authorized_keys", "cert-authority,no-pty " + text_of(ca_));
  const KeysReply reply = read();
  ASSERT_TRUE(reply.accepted.has_value()) << reasons(reply);
  EXPECT_FALSE(reply.accepted->grant.pty);
  EXPECT_EQ(*reply.accepted->principal, "s2itest");
  request_.certificate.reset();
  request_.key_blob = ca_.blob;
  EXPECT_FALSE(read().accepted.has_value());
}

TEST_F(KeyReaderOfCertificates, KeepsToTheOptionsOfAuthorities) {
  const auto accepts = [&](const std::string& options) {
    write("authorized_keys", "cert-authority," + options + " " + text_of(ca_));
    return read().accepted;
  };
  EXPECT_FALSE(accepts(R"(principals="someone")"));
  EXPECT_FALSE(accepts(R"(principals="")"));
  EXPECT_FALSE(accepts(R"(from="10.0.0.0/8")"));
  EXPECT_FALSE(accepts(R"(expiry-time="20010101")"));
  const auto line = accepts(R"(principals="someone,ops")");
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(*line->principal, "ops");
  EXPECT_THAT(*line->principal_from, HasSubstr("authorized_keys:1"));
  // With principals= the user's own name isn't enough.
  set_principals({"s2itest"});
  EXPECT_FALSE(accepts(R"(principals="someone,ops")"));
}

TEST_F(KeyReaderOfCertificates, ReadsPrincipalsOfTheUser) {
  trust(text_of(ca_));
  sources_.authorized_principals = "%h/.ssh/authorized_principals";
  EXPECT_FALSE(read().accepted.has_value());  // no file: nobody
  write("authorized_principals", "# who\nnobody\nno-pty ops\n");
  const KeysReply reply = read();
  ASSERT_TRUE(reply.accepted.has_value()) << reasons(reply);
  EXPECT_FALSE(reply.accepted->grant.pty);
  EXPECT_EQ(*reply.accepted->principal, "ops");
  EXPECT_THAT(*reply.accepted->principal_from, HasSubstr("authorized_principals:3"));
  EXPECT_EQ(*reply.accepted->file, etc_.path("cas"));
  for (const char* content :
       {"root\n", "ops2\n", "cert-authority ops\n", "principals=\"ops\" ops\n",
        "from=\"10.0.0.0/8\" ops\n", "rubbish ops\n"}) {
    write("authorized_principals", content);
    EXPECT_FALSE(read().accepted.has_value()) << content;
  }
  write("authorized_principals", "ops\n");
  EXPECT_TRUE(read().accepted.has_value());
  chmod(top_.path("home/.ssh/authorized_principals").c_str(), 0666);
  EXPECT_THAT(reasons(read()), HasSubstr("can be written by others"));
}

TEST_F(KeyReaderOfCertificates, RefusesWhatIsRevokedBeforeItLooksAtTheUsersFiles) {
  trust(text_of(ca_));
  write("authorized_keys", "rubbish\n" + line());
  for (const auto& revoked : {key_.blob, ca_.blob}) {
    revoke("ssh-ed25519 " + encode_base64(revoked) + "\n", 0600);
    const KeysReply reply = read();
    EXPECT_FALSE(reply.accepted.has_value());
    EXPECT_THAT(*reply.refusal, HasSubstr("revokes"));
    EXPECT_EQ(reply.reasons.size(), 1U) << reasons(reply);
  }
  revoke(text_of(make_ed25519()));
  EXPECT_TRUE(read().accepted.has_value());
  request_.certificate.reset();
  EXPECT_TRUE(read().accepted.has_value());
  revoke(text_of(key_));
  EXPECT_FALSE(read().accepted.has_value());
}

TEST_F(KeyReaderOfCertificates, RefusesEverythingIfItCannotTellWhatIsRevoked) {
  trust(text_of(ca_));
  write("authorized_keys", line());
  const auto refuses_all = [&] {
    const auto with_certificate = request_.certificate;
    EXPECT_FALSE(read().accepted.has_value());
    request_.certificate.reset();
    const KeysReply reply = read();
    EXPECT_FALSE(reply.accepted.has_value());
    EXPECT_THAT(*reply.refusal, HasSubstr("every key is refused"));
    request_.certificate = with_certificate;
  };
  sources_.revoked_keys = etc_.path("none");
  refuses_all();
  for (const char* content : {"rubbish", "SSHKRL\n"}) {
    revoke(content);
    refuses_all();
    EXPECT_FALSE(check_key_sources(sources_).ok());
  }
  revoke("", 0666);
  refuses_all();
  revoke(std::string(limits::kMaxRevokedKeysFile + 1, '\n'));
  refuses_all();
  revoke("# none\n");
  EXPECT_TRUE(read().accepted.has_value());
}

TEST_F(KeyReaderOfCertificates, SaysBeforehandWhatIsWrongWithTheFiles) {
  EXPECT_TRUE(check_key_sources(sources_).ok());
  trust(text_of(ca_));
  revoke(text_of(key_));
  EXPECT_TRUE(check_key_sources(sources_).ok());
  for (const std::string& content :
       {std::string(), std::string("# none\n"), std::string("rubbish\n"),
        text_of(ca_) + "no-pty " + text_of(ca_), text_of(ca_) + "ssh-ed25519 AAAA\n"}) {
    trust(content);
    EXPECT_FALSE(check_key_sources(sources_).ok()) << content;
  }
  sources_.trusted_user_ca_keys = etc_.path("none");
  EXPECT_THAT(check_key_sources(sources_).error().message, HasSubstr("none: no such file"));
}

}  // namespace
}  // namespace ssh2incus
