// Certificates before the monitor: sessiond may lie about everything but what it can't sign.
#include "tests/unit/monitor/monitor_fixture.h"
#include "tests/unit/policy/test_certificates.h"

namespace ssh2incus {
namespace {

using ipc::AuthOutcome;

constexpr const char* kAlgorithm = "ssh-ed25519-cert-v01@openssh.com";

class CertificateTest : public MonitorTest {
 protected:
  void SetUp() override {
    MonitorTest::SetUp();
    trusted_cas_ = {ca_.blob()};
    parts_.key = key_.blob();
    parts_.ca = ca_.blob();
    parts_.before = UINT64_MAX;
  }

  Bytes certificate() {
    parts_.signature = ca_.sign(parts_.signed_part());
    return parts_.blob();
  }

  static ipc::PublicKeyVerifyRequest proof_of(const Bytes& blob, const ClientKey& signer,
                                              const Bytes& session_id, const std::string& login) {
    ipc::PublicKeyVerifyRequest request;
    request.algorithm = std::string(kAlgorithm);
    request.key_blob = blob;
    request.signature = signer.sign(public_key_signed_data(session_id, login, kAlgorithm, blob));
    return request;
  }

  AuthOutcome outcome(const ipc::PublicKeyVerifyRequest& request) {
    start();
    go_to(MonitorState::kAuthenticating);
    send(request);
    const AuthOutcome result = expect<ipc::AuthReply>().outcome;
    if (result == AuthOutcome::kSuccess) gateway_request();
    TearDown();
    gateway_promise_ = {};
    return result;
  }
  AuthOutcome outcome(const Bytes& blob) {
    return outcome(proof_of(blob, key_, session_id_, login_));
  }

  ClientKey ca_;
  test::CertificateParts parts_;
};

TEST_F(CertificateTest, LetsItsHolderInWithinItsLimits) {
  parts_.critical = test::packed_options({{"force-command", test::value("id")}});
  parts_.extensions = test::packed_options({{"permit-agent-forwarding", {}}});
  start();
  go_to(MonitorState::kAuthenticating);
  const Bytes blob = certificate();
  send(ipc::PublicKeyQueryRequest{std::string(kAlgorithm), blob});
  EXPECT_TRUE(expect<ipc::PublicKeyQueryReply>().acceptable);
  send(proof_of(blob, key_, session_id_, login_));
  const auto reply = expect<ipc::AuthReply>();
  EXPECT_EQ(reply.outcome, AuthOutcome::kSuccess);
  EXPECT_TRUE(reply.permissions.agent_forwarding);
  EXPECT_FALSE(reply.permissions.pty || reply.permissions.local_forwarding);
  const ipc::OpenRequest request = gateway_request();
  EXPECT_FALSE(request.guest.allow_pty);
  EXPECT_EQ(**request.guest.forced_command, "id");
  sessiond_.reset();
  ended();
  ASSERT_EQ(key_requests_.size(), 1U);
  const KeysRequest& asked = key_requests_.front();
  EXPECT_EQ(*asked.key_blob, key_.blob());
  EXPECT_EQ(*asked.key_sha256, digests_of(key_.blob()).sha256);
  EXPECT_EQ(asked.key_sha1.size(), 20U);
  ASSERT_TRUE(asked.certificate.has_value());
  EXPECT_EQ(*asked.certificate->ca_key, ca_.blob());
  EXPECT_EQ(*asked.certificate->ca_sha256, digests_of(ca_.blob()).sha256);
  EXPECT_EQ(asked.certificate->serial, 7U);
  EXPECT_EQ(*asked.certificate->key_id, "anna's key");
  EXPECT_EQ(asked.certificate->principals.size(), 2U);
}

TEST_F(CertificateTest, IsLimitedByTheCasLineToo) {
  grant_.port_forwarding = false;
  parts_.extensions = test::packed_options({{"permit-port-forwarding", {}}, {"permit-pty", {}}});
  start();
  go_to(MonitorState::kAuthenticating);
  send(proof_of(certificate(), key_, session_id_, login_));
  const auto reply = expect<ipc::AuthReply>();
  EXPECT_TRUE(reply.permissions.pty);
  EXPECT_FALSE(reply.permissions.local_forwarding);
  gateway_request();
}

TEST_F(CertificateTest, CannotBeHadTogetherWithAnotherForcedCommand) {
  grant_.forced_command = KeyOptionText(std::string("other"));
  parts_.critical = test::packed_options({{"force-command", test::value("id")}});
  EXPECT_EQ(outcome(certificate()), AuthOutcome::kFailure);
}

TEST_F(CertificateTest, OfAnotherCaIsRefused) {
  trusted_cas_ = {ClientKey().blob()};
  EXPECT_EQ(outcome(certificate()), AuthOutcome::kFailure);
}

TEST_F(CertificateTest, WithoutItsCasSignatureIsRefusedAndNoFileIsAsked) {
  const Bytes good = certificate();
  parts_.signature = ClientKey().sign(parts_.signed_part());
  EXPECT_EQ(outcome(parts_.blob()), AuthOutcome::kFailure);
  Bytes changed = good;
  changed[60] ^= 1;  // within the nonce
  EXPECT_EQ(outcome(changed), AuthOutcome::kFailure);
  parts_.signature = ca_.sign(Bytes(10, 1));
  EXPECT_EQ(outcome(parts_.blob()), AuthOutcome::kFailure);
  EXPECT_TRUE(key_requests_.empty());
  EXPECT_EQ(outcome(good), AuthOutcome::kSuccess);
}

TEST_F(CertificateTest, IsProvenByItsKeyOverThisVeryRequest) {
  const Bytes blob = certificate();
  EXPECT_EQ(outcome(proof_of(blob, ClientKey(), session_id_, login_)), AuthOutcome::kFailure);
  EXPECT_EQ(outcome(proof_of(blob, ca_, session_id_, login_)), AuthOutcome::kFailure);
  EXPECT_EQ(outcome(proof_of(blob, key_, Bytes(32, 8), login_)), AuthOutcome::kFailure);
  EXPECT_EQ(outcome(proof_of(blob, key_, session_id_, "c2")), AuthOutcome::kFailure);
  // Signed for the plain key, or under the plain key's algorithm.
  auto request = proof_of(blob, key_, session_id_, login_);
  request.signature =
      key_.sign(public_key_signed_data(session_id_, login_, "ssh-ed25519", key_.blob()));
  EXPECT_EQ(outcome(request), AuthOutcome::kFailure);
  request.signature = key_.sign(public_key_signed_data(session_id_, login_, "ssh-ed25519", blob));
  EXPECT_EQ(outcome(request), AuthOutcome::kFailure);
  request.algorithm = std::string("ssh-ed25519");
  EXPECT_EQ(outcome(request), AuthOutcome::kFailure);
  // A signature that calls itself a certificate's.
  request = proof_of(blob, key_, session_id_, login_);
  Bytes renamed;
  append_wire_string(renamed, std::string_view(kAlgorithm));
  renamed.insert(renamed.end(), request.signature.begin() + 15, request.signature.end());
  request.signature = renamed;
  EXPECT_EQ(outcome(request), AuthOutcome::kFailure);
}

TEST_F(CertificateTest, IsRefusedForWhatItSays) {
  const auto refused = [&](auto change) {
    const test::CertificateParts kept = parts_;
    change(parts_);
    EXPECT_EQ(outcome(certificate()), AuthOutcome::kFailure);
    parts_ = kept;
  };
  refused([](auto& parts) { parts.kind = 2; });
  refused([](auto& parts) { parts.before = 1'700'000'000; });
  refused([](auto& parts) { parts.after = UINT64_MAX - 1; });
  refused([](auto& parts) { parts.principals = {}; });
  refused([](auto& parts) { parts.critical = test::packed_options({{"foo", {}}}); });
  refused([](auto& parts) {
    parts.critical = test::packed_options({{"source-address", test::value("10.0.0.0/8")}});
  });
  EXPECT_TRUE(key_requests_.empty());
}

TEST_F(CertificateTest, IsTheSameKeyAsItsPlainOneInAChain) {
  config_.auth_chains =
      *AuthenticationChains::parse("publickey,publickey", std::array{AuthMethod::kPublicKey});
  start();
  go_to(MonitorState::kAuthenticating);
  send(signed_request(key_, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kPartial);
  const Bytes blob = certificate();
  send(ipc::PublicKeyQueryRequest{std::string(kAlgorithm), blob});
  EXPECT_FALSE(expect<ipc::PublicKeyQueryReply>().acceptable);
  send(proof_of(blob, key_, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
}

// What a security key answers: the flags say whether it was touched (1) and verified its user (4).
Bytes sign_as_security_key(const ClientKey& key, std::uint8_t flags, const Bytes& data) {
  const std::string application = "ssh:";
  Bytes signed_data = digests_of(as_bytes(application)).sha256;
  signed_data.push_back(flags);
  append_wire_number(signed_data, 5);
  const Bytes digest = digests_of(data).sha256;
  signed_data.insert(signed_data.end(), digest.begin(), digest.end());
  const Bytes plain = key.sign(signed_data);
  Bytes out;
  append_wire_string(out, std::string_view("sk-ssh-ed25519@openssh.com"));
  append_wire_string(out, ByteView(plain).last(64));
  out.push_back(flags);
  append_wire_number(out, 5);
  return out;
}

TEST_F(CertificateTest, OfASecurityKeyDemandsWhatItOrTheLineDemands) {
  Bytes blob;
  append_wire_string(blob, std::string_view("sk-ssh-ed25519@openssh.com"));
  append_wire_string(blob, ByteView(key_.blob()).last(32));
  append_wire_string(blob, std::string_view("ssh:"));
  authorised_blob_ = blob;
  parts_.type = "sk-ssh-ed25519-cert-v01@openssh.com";
  parts_.key = blob;
  const auto let_in = [&](std::uint8_t flags) {
    const Bytes sent = certificate();
    ipc::PublicKeyVerifyRequest request;
    request.algorithm = parts_.type;
    request.key_blob = sent;
    request.signature = sign_as_security_key(
        key_, flags, public_key_signed_data(session_id_, login_, parts_.type, sent));
    return outcome(request) == AuthOutcome::kSuccess;
  };
  EXPECT_TRUE(let_in(1));
  EXPECT_FALSE(let_in(0));
  EXPECT_FALSE(let_in(4));
  grant_.require_verify = true;
  EXPECT_FALSE(let_in(1));
  EXPECT_TRUE(let_in(5));
  grant_.require_verify = false;
  parts_.critical = test::packed_options({{"verify-required", {}}});
  EXPECT_FALSE(let_in(1));
  EXPECT_TRUE(let_in(5));
  // Touch may be left out only if both say so.
  parts_.critical = {};
  parts_.extensions = test::packed_options({{"no-touch-required", {}}});
  EXPECT_FALSE(let_in(0));
  grant_.require_touch = false;
  EXPECT_TRUE(let_in(0));
  parts_.extensions = {};
  EXPECT_FALSE(let_in(0));
}

TEST_F(CertificateTest, OfNobodyIsRefusedWhateverItSays) {
  user_exists_ = false;
  EXPECT_EQ(outcome(certificate()), AuthOutcome::kFailure);
}

}  // namespace
}  // namespace ssh2incus
