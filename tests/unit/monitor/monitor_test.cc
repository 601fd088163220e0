// What an honest and a lying sessiond get from the monitor, and what a gateway can make it say.
#include <fcntl.h>

#include "monitor/signature_verifier.h"
#include "tests/unit/monitor/monitor_fixture.h"

namespace ssh2incus {
namespace {

using ipc::AuthOutcome;

TEST_F(MonitorTest, LetsAnAuthorisedKeyInAndPassesTheGuestOn) {
  start();
  go_to(MonitorState::kAuthenticated);
  const ipc::OpenRequest request = gateway_request();
  EXPECT_EQ(*request.instance, "c1");
  EXPECT_EQ(*request.project, "default");
  EXPECT_EQ(*request.guest.user, "root");
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(
      gateway_->send(ipc::ReadyReply{}, std::array{null.get(), null.get(), null.get(), null.get()})
          .ok());
  std::vector<UniqueFd> fds;
  ASSERT_TRUE(sessiond_->receive_message<ipc::TargetReadyNotice>(10'000, &fds, 4).ok());
  sessiond_.reset();
  EXPECT_EQ(ended(), ConnectionEnd::kLoggedIn);
}

TEST_F(MonitorTest, GrantsWhatTheKeysLineAllowsAndNoMore) {
  grant_.pty = false;
  grant_.forced_command = KeyOptionText(std::string("backup --all"));
  login_ = "alice@c1.p1";
  start();
  go_to(MonitorState::kAuthenticating);
  send(signed_request(key_, session_id_, login_));
  EXPECT_FALSE(expect<ipc::AuthReply>().permissions.pty);
  const ipc::OpenRequest request = gateway_request();
  EXPECT_FALSE(request.guest.allow_pty);
  EXPECT_EQ(**request.guest.forced_command, "backup --all");
  EXPECT_EQ(*request.guest.user, "alice");
  EXPECT_EQ(*request.project, "p1");
}

TEST_F(MonitorTest, RefusesAKeyThatNobodyAuthorised) {
  start();
  go_to(MonitorState::kAuthenticating);
  const ClientKey other;
  send(ipc::PublicKeyQueryRequest{std::string("ssh-ed25519"), other.blob()});
  EXPECT_FALSE(expect<ipc::PublicKeyQueryReply>().acceptable);
  send(signed_request(other, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  sessiond_.reset();
  EXPECT_EQ(ended(), ConnectionEnd::kAuthFailed);
}

TEST_F(MonitorTest, TellsTheNameOfNobodyFromAFailure) {
  user_exists_ = false;
  start();
  go_to(MonitorState::kAuthenticating);
  send(signed_request(key_, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  sessiond_.reset();
  EXPECT_EQ(ended(), ConnectionEnd::kInvalidUser);
}

TEST_F(MonitorTest, RefusesAClaimWithoutAProof) {
  start();
  go_to(MonitorState::kAuthenticating);
  const ClientKey other;
  ipc::PublicKeyVerifyRequest claim = signed_request(other, session_id_, login_);
  claim.key_blob = key_.blob();  // the authorised key, signed by another
  send(claim);
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  claim.signature = Bytes();
  send(claim);
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  EXPECT_EQ(account_checks_, 0);
}

TEST_F(MonitorTest, RefusesASignatureOverAnotherSession) {
  start();
  go_to(MonitorState::kAuthenticating);
  send(signed_request(key_, Bytes(32, 8), login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
}

TEST_F(MonitorTest, KeepsTheFirstHashAsSessionIdWhenKeysAreExchangedAgain) {
  start();
  go_to(MonitorState::kAuthenticating);
  const Bytes later(32, 9);
  send(ipc::SignRequest{0, ipc::SignatureAlgorithm::kSshEd25519, later});
  expect<ipc::SignReply>();
  send(signed_request(key_, later, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  send(signed_request(key_, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kSuccess);
}

TEST_F(MonitorTest, RefusesASignatureForAnotherLogin) {
  start();
  go_to(MonitorState::kAuthenticating);
  send(signed_request(key_, session_id_, "c2"));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
}

TEST_F(MonitorTest, RefusesAHostboundSignatureForAnotherHostKey) {
  start();
  go_to(MonitorState::kAuthenticating);
  ipc::PublicKeyVerifyRequest request = signed_request(key_, session_id_, login_);
  request.hostbound = true;
  const Bytes other_host = ClientKey().blob();
  request.signature = key_.sign(public_key_signed_data(session_id_, login_, "ssh-ed25519",
                                                       key_.blob(), std::span(other_host)));
  send(request);
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  request.host_key = 9;
  send(request);
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  request.host_key = 0;
  request.signature = key_.sign(public_key_signed_data(
      session_id_, login_, "ssh-ed25519", key_.blob(), std::span(host_keys_->public_blobs()[0])));
  send(request);
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kSuccess);
}

TEST_F(MonitorTest, RefusesUsersOutsideTheAllowedGroups) {
  uid_ = 1000;
  login_ = "c1+bob";
  start();
  go_to(MonitorState::kAuthenticating);
  send(signed_request(key_, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
}

TEST_F(MonitorTest, AdmitsMembersOfAnAllowedGroup) {
  uid_ = 1000;
  group_ = "incus";
  login_ = "c1+bob";
  start();
  go_to(MonitorState::kAuthenticated);
}

TEST_F(MonitorTest, RefusesAccountsThatPamRefuses) {
  account_valid_ = false;
  start();
  go_to(MonitorState::kAuthenticating);
  send(signed_request(key_, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  send(signed_request(key_, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  EXPECT_EQ(account_checks_, 1);
}

TEST_F(MonitorTest, AnswersForUnknownUsersAsForKnownOnes) {
  user_exists_ = false;
  start();
  go_to(MonitorState::kAuthenticating);
  send(ipc::PublicKeyQueryRequest{std::string("ssh-ed25519"), key_.blob()});
  EXPECT_FALSE(expect<ipc::PublicKeyQueryReply>().acceptable);
  send(signed_request(key_, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  EXPECT_EQ(account_checks_, 0);
}

TEST_F(MonitorTest, SaysWhatIsWrongWithALoginName) {
  login_ = "9lives";
  start();
  go_to(MonitorState::kReady);
  send(ipc::AuthStartRequest{login_});
  const auto reply = expect<ipc::AuthStartReply>();
  ASSERT_TRUE(reply.refusal);
  EXPECT_NE((**reply.refusal).find("digit"), std::string::npos);
  sessiond_.reset();
  EXPECT_EQ(ended(), ConnectionEnd::kAuthFailed);
}

TEST_F(MonitorTest, EndsAfterTooManyFailures) {
  config_.max_auth_tries = 3;
  start();
  go_to(MonitorState::kAuthenticating);
  const ClientKey other;
  for (int i = 0; i < 2; ++i) {
    send(signed_request(other, session_id_, login_));
    EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kFailure);
  }
  send(signed_request(other, session_id_, login_));
  EXPECT_EQ(expect<ipc::AuthReply>().outcome, AuthOutcome::kTooManyFailures);
  send(signed_request(key_, session_id_, login_));  // the right key comes too late
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorTest, EndsWhenTheGraceTimeIsOver) {
  config_.login_grace_seconds = 1;
  start();
  go_to(MonitorState::kAuthenticating);
  EXPECT_EQ(ended(), ConnectionEnd::kGraceExceeded);
}

TEST_F(MonitorTest, EndsQuietlyWithoutAnAttempt) {
  start();
  go_to(MonitorState::kReady);
  sessiond_.reset();
  EXPECT_EQ(ended(), ConnectionEnd::kNoAttempt);
}

TEST_F(MonitorTest, SignsOnlyWhatHasTheLengthOfAHash) {
  start();
  go_to(MonitorState::kKeyExchange);
  send(ipc::SignRequest{0, ipc::SignatureAlgorithm::kSshEd25519, Bytes(33, 1)});
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorTest, EndsWhenAnUnknownHostKeyIsAskedFor) {
  start();
  go_to(MonitorState::kKeyExchange);
  send(ipc::SignRequest{5, ipc::SignatureAlgorithm::kSshEd25519, session_id_});
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorTest, ProvesItsHostKeysForThisSession) {
  start();
  go_to(MonitorState::kAuthenticated);
  send(ipc::SignRequest{0, ipc::SignatureAlgorithm::kSshEd25519, Bytes(32, 9)});  // a rekey
  expect<ipc::SignReply>();
  for (std::uint32_t i = 0; i < limits::kMaxHostKeyProofs; ++i) {
    send(ipc::HostKeyProofRequest{0});
    const Bytes proof = *expect<ipc::SignReply>().signature;
    const Bytes blob = host_keys_->public_blobs().at(0);
    EXPECT_TRUE(
        verify_signature(blob, "ssh-ed25519", proof, host_key_proof_data(session_id_, blob), {})
            .ok());
  }
  send(ipc::HostKeyProofRequest{0});
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorTest, ProvesNoHostKeyThatItHasNot) {
  start();
  go_to(MonitorState::kAuthenticated);
  send(ipc::HostKeyProofRequest{1});
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

TEST_F(MonitorTest, ReportsACrashOfSessiond) {
  start();
  go_to(MonitorState::kReady);
  send(ipc::CrashNotice{41});
  EXPECT_EQ(ended(), ConnectionEnd::kCrashed);
}

TEST_F(MonitorTest, TellsWhyTheGatewayFailed) {
  start();
  go_to(MonitorState::kAuthenticated);
  gateway_request();
  ASSERT_TRUE(gateway_
                  ->send(ipc::FailedReply{ipc::TargetFailure::kNoSuchInstance,
                                          std::string("no\x1b[31m c1")})
                  .ok());
  const auto notice = expect<ipc::TargetFailedNotice>();
  EXPECT_EQ(*notice.text, "ssh2incus: no\\x1b[31m c1");
  EXPECT_EQ(notice.exit_status, 255U);
}

TEST_F(MonitorTest, OutlivesAGatewayThatDies) {
  start();
  go_to(MonitorState::kAuthenticated);
  gateway_request();
  gateway_.reset();
  expect<ipc::TargetFailedNotice>();
  sessiond_.reset();
  EXPECT_EQ(ended(), ConnectionEnd::kLoggedIn);
}

TEST_F(MonitorTest, TakesNoFdsFromAGatewayThatLies) {
  start();
  go_to(MonitorState::kAuthenticated);
  gateway_request();
  ASSERT_TRUE(gateway_->send(ipc::ReadyReply{}).ok());
  expect<ipc::TargetFailedNotice>();
}

TEST_F(MonitorTest, SaysThatThereIsNoSuchRemote) {
  login_ = "prod:c9";
  start();
  go_to(MonitorState::kAuthenticated);
  EXPECT_NE((*expect<ipc::TargetFailedNotice>().text).find("no remote prod"), std::string::npos);
}

TEST_F(MonitorTest, WritesDownOnlySessionsThatExist) {
  start();
  go_to(MonitorState::kAuthenticated);
  gateway_request();
  send(ipc::SessionOpenedNotice{1, false, {}, false});
  send(ipc::SessionClosedNotice{1, 0, {}, 0, 0});
  send(ipc::SessionClosedNotice{1, 0, {}, 0, 0});
  EXPECT_EQ(ended(), ConnectionEnd::kViolation);
}

}  // namespace
}  // namespace ssh2incus
