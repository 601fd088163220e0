// Generated from the rule table: every message in every state that doesn't allow it, truncated at
// every length, with trailing bytes, with fds, of unknown kinds, and too long. Each ends the
// connection, and a hostile sessiond gets nothing more.
#include <sys/socket.h>

#include "tests/unit/monitor/monitor_fixture.h"

namespace ssh2incus {
namespace {

using ipc::SessionMessage;

class HostileSessiondTest : public MonitorTest {
 protected:
  // A well-formed message of each kind.
  Bytes sample(SessionMessage kind) {
    switch (kind) {
      case SessionMessage::kHelloRequest: return ipc::encode(ipc::HelloRequest{});
      case SessionMessage::kSignRequest:
        return ipc::encode(ipc::SignRequest{0, ipc::SignatureAlgorithm::kSshEd25519, session_id_});
      case SessionMessage::kAuthStartRequest: return ipc::encode(ipc::AuthStartRequest{login_});
      case SessionMessage::kPublicKeyQueryRequest:
        return ipc::encode(ipc::PublicKeyQueryRequest{std::string("ssh-ed25519"), key_.blob()});
      case SessionMessage::kPublicKeyVerifyRequest:
        return ipc::encode(signed_request(key_, session_id_, login_));
      case SessionMessage::kNoneAuthRequest: return ipc::encode(ipc::NoneAuthRequest{});
      case SessionMessage::kUnsupportedAuthRequest:
        return ipc::encode(ipc::UnsupportedAuthRequest{std::string("gssapi")});
      case SessionMessage::kPasswordAuthRequest:
        return ipc::encode(ipc::PasswordAuthRequest{secret("password")});
      case SessionMessage::kInteractiveAuthRequest:
        return ipc::encode(ipc::InteractiveAuthRequest{});
      case SessionMessage::kInteractiveAnswersRequest: return ipc::encode(answers({"one", "two"}));
      case SessionMessage::kSessionOpenedNotice:
        return ipc::encode(ipc::SessionOpenedNotice{
            1, false, BoundedString<limits::kMaxLogText>(std::string("id"))});
      case SessionMessage::kSessionClosedNotice:
        return ipc::encode(ipc::SessionClosedNotice{1, 0, std::string("TERM"), 1, 1});
      case SessionMessage::kDisconnectNotice:
        return ipc::encode(ipc::DisconnectNotice{std::string("bye")});
      case SessionMessage::kLogNotice: return ipc::encode(ipc::LogNotice{std::string("text")});
      default: return ipc::encode(ipc::CrashNotice{1});
    }
  }

  // Runs one attack on a fresh monitor in that state; it must end the connection as a violation.
  void attack(MonitorState state, const Bytes& bytes, const std::string& what,
              bool with_fd = false) {
    gateway_promise_ = {};
    start();
    go_to(state);
    if (state == MonitorState::kAuthenticated) gateway_request();
    const std::array<int, 1> fds = {0};
    ASSERT_TRUE(
        sessiond_->send_bytes(bytes, with_fd ? std::span<const int>(fds) : std::span<const int>())
            .ok());
    ASSERT_EQ(ended_.wait_for(std::chrono::seconds(10)), std::future_status::ready) << what;
    EXPECT_EQ(ended(), ConnectionEnd::kViolation) << what;
    TearDown();
  }

  // A state in which the message is allowed.
  static MonitorState home_of(const Rule& rule) {
    for (const MonitorState state :
         {MonitorState::kStarting, MonitorState::kKeyExchange, MonitorState::kReady,
          MonitorState::kAuthenticating, MonitorState::kAuthenticated}) {
      if (contains(rule.allowed_in, state) &&
          (state == MonitorState::kAuthenticated || rule.at_most_before_login > 0)) {
        return state;
      }
    }
    return MonitorState::kAuthenticated;
  }
};

TEST_F(HostileSessiondTest, IsEndedByAMessageInTheWrongState) {
  for (const Rule& rule : kRules) {
    for (const MonitorState state :
         {MonitorState::kStarting, MonitorState::kKeyExchange, MonitorState::kReady,
          MonitorState::kAuthenticating, MonitorState::kAuthenticated}) {
      if (contains(rule.allowed_in, state)) continue;
      attack(state, sample(rule.message),
             std::to_string(int(rule.message)) + " in " + std::to_string(int(state)));
    }
  }
}

TEST_F(HostileSessiondTest, IsEndedByATruncatedMessage) {
  for (const Rule& rule : kRules) {
    const Bytes whole = sample(rule.message);
    for (std::size_t length = 1; length < whole.size(); length += 1 + whole.size() / 12) {
      attack(home_of(rule), Bytes(whole.begin(), whole.begin() + static_cast<long>(length)),
             "kind " + std::to_string(int(rule.message)) + " cut to " + std::to_string(length));
    }
  }
}

TEST_F(HostileSessiondTest, IsEndedByTrailingBytes) {
  for (const Rule& rule : kRules) {
    Bytes bytes = sample(rule.message);
    bytes.push_back(0);
    attack(home_of(rule), bytes, "kind " + std::to_string(int(rule.message)));
  }
}

TEST_F(HostileSessiondTest, IsEndedByFds) {
  for (const Rule& rule : kRules) {
    attack(home_of(rule), sample(rule.message), "kind " + std::to_string(int(rule.message)), true);
  }
}

TEST_F(HostileSessiondTest, IsEndedByAnUnknownKind) {
  for (const int kind : {0, 16, 64, 65, 73, 74, 255}) {
    attack(MonitorState::kReady, Bytes{static_cast<std::uint8_t>(kind), 0, 0},
           "kind " + std::to_string(kind));
  }
}

TEST_F(HostileSessiondTest, IsEndedByAnOversizedField) {
  Bytes bytes = ipc::encode(ipc::AuthStartRequest{std::string(limits::kMaxLoginName, 'a')});
  bytes[3] = 0x04;
  bytes[4] = 0x01;  // one byte more than the bound, and there
  bytes.push_back('a');
  attack(MonitorState::kReady, bytes, "login");
}

TEST_F(HostileSessiondTest, IsEndedByAnswersThatNobodyAskedFor) {
  attack(MonitorState::kAuthenticating, sample(SessionMessage::kInteractiveAnswersRequest),
         "answers");
}

TEST_F(HostileSessiondTest, IsEndedByAPasswordBeforeAUser) {
  attack(MonitorState::kReady, sample(SessionMessage::kPasswordAuthRequest), "password");
}

TEST_F(HostileSessiondTest, IsEndedByMoreAnswersThanAnyRoundHasPrompts) {
  Bytes bytes = ipc::encode(answers({"a"}));
  bytes[4] = limits::kMaxPromptsPerRound + 1;
  for (std::size_t i = 0; i < limits::kMaxPromptsPerRound; ++i) {
    bytes.insert(bytes.end(), {0, 0, 0, 1, 'a'});
  }
  attack(MonitorState::kAuthenticating, bytes, "answers");
}

TEST_F(HostileSessiondTest, IsEndedByAMessageSentTooOften) {
  for (const Rule& rule : kRules) {
    const MonitorState state = home_of(rule);
    const std::uint32_t most =
        state == MonitorState::kAuthenticated ? rule.at_most : rule.at_most_before_login;
    if (rule.message != SessionMessage::kSignRequest && rule.message != SessionMessage::kLogNotice)
      continue;
    gateway_promise_ = {};
    start();
    go_to(state);
    // More than allowed, however many go_to() has used up; the monitor may be gone before the last.
    for (std::uint32_t i = 0; i <= most; ++i) {
      if (!sessiond_->send_bytes(sample(rule.message)).ok()) break;
    }
    EXPECT_EQ(ended(), ConnectionEnd::kViolation) << int(rule.message);
    TearDown();
  }
}

}  // namespace
}  // namespace ssh2incus
