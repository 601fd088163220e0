// Generated from the rule table: every message in every state that doesn't allow it, truncated at
// every length, with trailing bytes, with fds, of unknown kinds, and too long. Each ends the
// connection, and a hostile sessiond gets nothing more.
#include <sys/socket.h>

#include <algorithm>

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
            1, false, BoundedString<limits::kMaxLogText>(std::string("id")), false});
      case SessionMessage::kSessionClosedNotice:
        return ipc::encode(ipc::SessionClosedNotice{1, 0, std::string("TERM"), 1, 1});
      case SessionMessage::kForwardOpenedNotice:
        return ipc::encode(
            ipc::ForwardOpenedNotice{1, ipc::ForwardKind::kLocal, std::string("h port 1")});
      case SessionMessage::kForwardClosedNotice:
        return ipc::encode(ipc::ForwardClosedNotice{1, 1, 1});
      case SessionMessage::kDisconnectNotice:
        return ipc::encode(ipc::DisconnectNotice{std::string("bye")});
      case SessionMessage::kLogNotice: return ipc::encode(ipc::LogNotice{std::string("text")});
      case SessionMessage::kPlainOpenRequest: {
        ipc::PlainOpenRequest request;
        request.stream = 1;
        request.program.terminal = PlainTerminal{std::string("xterm"), {}};
        request.program.command.emplace(std::string("id"));
        request.program.environment =
            std::vector<EnvironmentEntry>{{std::string("LC_X"), std::string("value")}};
        return ipc::encode(request);
      }
      case SessionMessage::kHostKeyProofRequest: return ipc::encode(ipc::HostKeyProofRequest{0});
      case SessionMessage::kPlainStatusRequest: return ipc::encode(ipc::PlainStatusRequest{1});
      case SessionMessage::kConsoleOpenRequest:
        return ipc::encode(ipc::ConsoleOpenRequest{
            1, BoundedString<limits::kMaxConsoleLine>(std::string("list"))});
      case SessionMessage::kConsoleAnswerRequest:
        return ipc::encode(ipc::ConsoleAnswerRequest{1, std::string("yes")});
      case SessionMessage::kProxyHeaderRequest:
        return ipc::encode(ipc::ProxyHeaderRequest{Bytes(4, 1), 1, Bytes(16, 2), 2});
      default: return ipc::encode(ipc::CrashNotice{1});
    }
  }

  // A message that may be repeated without a login.
  Bytes harmless(SessionMessage kind) {
    if (kind == SessionMessage::kPublicKeyVerifyRequest)
      return ipc::encode(signed_request(stranger_, session_id_, login_));
    return sample(kind);
  }

  // The message with one byte more than the bound instead of that content.
  static Bytes oversized(const Bytes& whole, std::string_view content, std::size_t bound) {
    Bytes old;
    append_string(old, content);
    const auto found = std::search(whole.begin(), whole.end(), old.begin(), old.end());
    EXPECT_NE(found, whole.end());
    Bytes out(whole.begin(), found);
    append_string(out, std::string(bound + 1, 'a'));
    out.insert(out.end(), found + std::ssize(old), whole.end());
    return out;
  }

  // Runs one attack on a fresh monitor in that state; it must end the connection as a violation.
  void attack(MonitorState state, const Bytes& bytes, const std::string& what,
              bool with_fd = false) {
    gateway_promise_ = {};
    proxied_ = state == MonitorState::kAwaitingSource;
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
         {MonitorState::kStarting, MonitorState::kAwaitingSource, MonitorState::kKeyExchange,
          MonitorState::kReady, MonitorState::kAuthenticating, MonitorState::kAuthenticated}) {
      if (contains(rule.allowed_in, state) &&
          (state == MonitorState::kAuthenticated || rule.at_most_before_login > 0)) {
        return state;
      }
    }
    return MonitorState::kAuthenticated;
  }

  ClientKey stranger_;  // authorised for nothing
};

TEST_F(HostileSessiondTest, IsEndedByAMessageInTheWrongState) {
  for (const Rule& rule : kRules) {
    for (const MonitorState state :
         {MonitorState::kStarting, MonitorState::kAwaitingSource, MonitorState::kKeyExchange,
          MonitorState::kReady, MonitorState::kAuthenticating, MonitorState::kAuthenticated}) {
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
  const std::string algorithm = "ssh-ed25519";
  const std::string blob(as_text(key_.blob()));
  const std::string signature(as_text(*signed_request(key_, session_id_, login_).signature));
  struct Field {
    SessionMessage message;
    std::string content;  // in sample()
    std::size_t bound;
  };
  using enum SessionMessage;
  for (const Field& field : std::vector<Field>{
           {kSignRequest, std::string(as_text(session_id_)), limits::kMaxExchangeHash},
           {kAuthStartRequest, login_, limits::kMaxLoginName},
           {kPublicKeyQueryRequest, algorithm, limits::kMaxAlgorithmName},
           {kPublicKeyQueryRequest, blob, limits::kMaxPublicKeyBlob},
           {kPublicKeyVerifyRequest, algorithm, limits::kMaxAlgorithmName},
           {kPublicKeyVerifyRequest, blob, limits::kMaxPublicKeyBlob},
           {kPublicKeyVerifyRequest, signature, limits::kMaxSignatureBlob},
           {kUnsupportedAuthRequest, "gssapi", 64},
           {kPasswordAuthRequest, "password", limits::kMaxAnswer},
           {kInteractiveAnswersRequest, "two", limits::kMaxAnswer},
           {kSessionOpenedNotice, "id", limits::kMaxLogText},
           {kLogNotice, "text", limits::kMaxLogText}}) {
    const Rule& rule = kRules[rule_index(field.message)];
    attack(home_of(rule), oversized(sample(field.message), field.content, field.bound),
           "kind " + std::to_string(int(field.message)) + ", bound " + std::to_string(field.bound));
  }
}

TEST_F(HostileSessiondTest, EndsItsOwnConnectionAlone) {
  struct Beside : HostileSessiondTest {
    using HostileSessiondTest::attack;
    void TestBody() override {}
    void begin() {
      SetUp();
      start();
      go_to(MonitorState::kAuthenticating);
    }
    void log_in() {
      send(signed_request(key_, session_id_, login_));
      EXPECT_EQ(expect<ipc::AuthReply>().outcome, ipc::AuthOutcome::kSuccess);
      gateway_request();
      sessiond_.reset();
      EXPECT_EQ(ended(), ConnectionEnd::kLoggedIn);
      TearDown();
    }
  } beside;
  beside.begin();
  attack(MonitorState::kAuthenticating, Bytes{255}, "unknown kind");
  beside.log_in();
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
  using enum SessionMessage;
  config_.auth_chains =
      AuthenticationChains::parse("publickey password keyboard-interactive", {}).value();
  config_.max_auth_tries = 1000;
  config_.password_failure_ms = 1;
  for (const Rule& rule : kRules) {
    const MonitorState state = home_of(rule);
    // Goodbyes end the connection themselves; so many rounds of answers take minutes; consoles have
    // a login of their own (monitor_console_test.cc).
    if (rule.at_most == kUnlimited || rule.message == kDisconnectNotice ||
        rule.message == kCrashNotice || rule.message == kInteractiveAnswersRequest ||
        rule.message == kConsoleOpenRequest || rule.message == kConsoleAnswerRequest)
      continue;
    gateway_promise_ = {};
    proxied_ = state == MonitorState::kAwaitingSource;
    start();
    go_to(state);
    const bool replied = rule.message != kLogNotice;
    const std::uint32_t used = rule.message == kSignRequest && state != MonitorState::kKeyExchange;
    const std::uint32_t most =
        state == MonitorState::kAuthenticated ? rule.at_most : rule.at_most_before_login;
    for (std::uint32_t i = used; i < most; ++i) {
      ASSERT_TRUE(sessiond_->send_bytes(harmless(rule.message)).ok()) << int(rule.message);
      if (!replied) continue;
      const auto reply = sessiond_->receive(10'000);
      ASSERT_TRUE(reply.ok() && *reply) << int(rule.message) << " number " << i + 1;
    }
    ASSERT_TRUE(sessiond_->send_bytes(harmless(rule.message)).ok());
    EXPECT_EQ(ended(), ConnectionEnd::kViolation) << int(rule.message);
    TearDown();
  }
}

}  // namespace
}  // namespace ssh2incus
