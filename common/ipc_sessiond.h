// The boundary between sessiond (hostile once taken over) and the monitor. Requests are answered in
// order by one reply each; notices are not answered. The monitor may send its notices between a
// request and the reply. Order and frequency of what sessiond may send: monitor/rules.h.
// The messages of plain mode are in common/ipc_plain.h, those of consoles in common/ipc_console.h.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>

#include "common/bounded.h"
#include "common/ipc_codec.h"
#include "common/limits.h"
#include "common/signature_algorithm.h"

namespace ssh2incus::ipc {

inline constexpr std::uint16_t kSessionProtocolVersion = 1;

enum class SessionMessage : std::uint8_t {
  // sessiond to monitor
  kHelloRequest = 1,
  kSignRequest,
  kAuthStartRequest,
  kPublicKeyQueryRequest,
  kPublicKeyVerifyRequest,
  kNoneAuthRequest,
  kUnsupportedAuthRequest,
  kPasswordAuthRequest,
  kInteractiveAuthRequest,
  kInteractiveAnswersRequest,
  kSessionOpenedNotice,
  kSessionClosedNotice,
  kForwardOpenedNotice,
  kForwardClosedNotice,
  kDisconnectNotice,
  kLogNotice,
  kCrashNotice,
  kPlainOpenRequest,
  kPlainStatusRequest,
  kConsoleOpenRequest,
  kConsoleAnswerRequest,
  kHostKeyProofRequest,
  kProxyHeaderRequest,
  // monitor to sessiond
  kHelloReply = 65,
  kSignReply,
  kAuthStartReply,
  kPublicKeyQueryReply,
  kAuthReply,
  kTargetProgressNotice,
  kTargetReadyNotice,
  kTargetFailedNotice,
  kShutdownNotice,
  kPlainReadyNotice,
  kPlainOpenedNotice,
  kPlainFailedNotice,
  kPlainExitedNotice,
  kConsoleReadyNotice,
  kConsoleOutputNotice,
  kConsoleEndNotice,
  kProxyHeaderReply,
};
inline constexpr auto kFirstSessiondMessage = SessionMessage::kHelloRequest;
inline constexpr auto kLastSessiondMessage = SessionMessage::kProxyHeaderRequest;
inline constexpr std::size_t kSessiondMessageCount = 23;
constexpr bool is_valid(SessionMessage kind) {
  const auto raw = static_cast<std::uint8_t>(kind);
  return (raw >= 1 && raw <= 23) || (raw >= 65 && raw <= 81);
}

// First message of the connection: agrees on the version.
struct HelloRequest {
  static constexpr auto kKind = SessionMessage::kHelloRequest;
  std::uint16_t version = kSessionProtocolVersion;
  auto fields() { return std::tie(version); }
};

// All that sessiond needs to know to speak SSH. Algorithm lists are comma-separated (RFC 4251 §6).
struct HelloReply {
  static constexpr auto kKind = SessionMessage::kHelloReply;
  BoundedList<BoundedBytes<limits::kMaxPublicKeyBlob>, limits::kMaxHostKeys>
      host_keys;  // public blobs, RFC 4253 §6.6
  BoundedString<limits::kMaxAlgorithmList> key_exchange;
  BoundedString<limits::kMaxAlgorithmList> host_key_algorithms;
  BoundedString<limits::kMaxAlgorithmList> ciphers;
  BoundedString<limits::kMaxAlgorithmList> macs;
  BoundedString<limits::kMaxAlgorithmList> public_key_algorithms;
  BoundedString<128> software_version;  // after "SSH-2.0-"
  std::uint32_t max_sessions = limits::kMaxSessionsPerConnection;
  bool debug = false;
  BoundedString<limits::kMaxUserMessage> banner;  // before authentication (RFC 4252 §5.4), or empty
  bool proxied = false;  // a PROXY header comes before SSH: ProxyHeaderRequest is what comes next
  auto fields() {
    return std::tie(host_keys, key_exchange, host_key_algorithms, ciphers, macs,
                    public_key_algorithms, software_version, max_sessions, debug, banner, proxied);
  }
};

// Who the client of a load balancer is, as its header says; addresses have 4 or 16 bytes, in
// network order. None: it doesn't say.
struct ProxyHeaderRequest {
  static constexpr auto kKind = SessionMessage::kProxyHeaderRequest;
  BoundedBytes<16> source;
  std::uint16_t source_port = 0;
  BoundedBytes<16> destination;
  std::uint16_t destination_port = 0;
  auto fields() { return std::tie(source, source_port, destination, destination_port); }
};

// refusal: instead of SSH the client gets that text, and the connection ends.
struct ProxyHeaderReply {
  static constexpr auto kKind = SessionMessage::kProxyHeaderReply;
  std::optional<BoundedString<limits::kMaxUserMessage>> refusal;
  auto fields() { return std::tie(refusal); }
};

// Signs an exchange hash (RFC 4253 §8) with host key number host_key of HelloReply. The first hash
// becomes the session id.
struct SignRequest {
  static constexpr auto kKind = SessionMessage::kSignRequest;
  std::uint8_t host_key = 0;
  SignatureAlgorithm algorithm{};
  BoundedBytes<limits::kMaxExchangeHash> exchange_hash;
  auto fields() { return std::tie(host_key, algorithm, exchange_hash); }
};

// signature: algorithm name and blob as RFC 4253 §6.6 encodes them, without the outer length.
struct SignReply {
  static constexpr auto kKind = SessionMessage::kSignReply;
  BoundedBytes<limits::kMaxSignatureBlob> signature;
  auto fields() { return std::tie(signature); }
};

// Proves to the client that host key number host_key of HelloReply is ours (OpenSSH's
// hostkeys-prove-00@openssh.com); the monitor builds what is signed. Answered by SignReply.
struct HostKeyProofRequest {
  static constexpr auto kKind = SessionMessage::kHostKeyProofRequest;
  std::uint8_t host_key = 0;
  auto fields() { return std::tie(host_key); }
};

// The user name of the first SSH_MSG_USERAUTH_REQUEST. It can't change afterwards.
struct AuthStartRequest {
  static constexpr auto kKind = SessionMessage::kAuthStartRequest;
  BoundedString<limits::kMaxLoginName> login;
  auto fields() { return std::tie(login); }
};

// refusal: the login can't be understood; sessiond disconnects with that text. It never tells
// whether a user exists. methods: names as in RFC 4252, comma-separated.
struct AuthStartReply {
  static constexpr auto kKind = SessionMessage::kAuthStartReply;
  std::optional<BoundedString<limits::kMaxUserMessage>> refusal;
  BoundedString<256> methods;
  BoundedString<limits::kMaxBanner> banner;  // safe for a terminal; may have lines
  auto fields() { return std::tie(refusal, methods, banner); }
};

// May this key be used (RFC 4252 §7, without signature)?
struct PublicKeyQueryRequest {
  static constexpr auto kKind = SessionMessage::kPublicKeyQueryRequest;
  BoundedString<limits::kMaxAlgorithmName> algorithm;
  BoundedBytes<limits::kMaxPublicKeyBlob> key_blob;
  auto fields() { return std::tie(algorithm, key_blob); }
};

struct PublicKeyQueryReply {
  static constexpr auto kKind = SessionMessage::kPublicKeyQueryReply;
  bool acceptable = false;
  auto fields() { return std::tie(acceptable); }
};

// A signed public-key request. The monitor builds the signed bytes itself (RFC 4252 §7; with
// hostbound, OpenSSH's publickey-hostbound-v00@openssh.com over host key number host_key).
struct PublicKeyVerifyRequest {
  static constexpr auto kKind = SessionMessage::kPublicKeyVerifyRequest;
  BoundedString<limits::kMaxAlgorithmName> algorithm;
  BoundedBytes<limits::kMaxPublicKeyBlob> key_blob;
  BoundedBytes<limits::kMaxSignatureBlob> signature;  // algorithm name, blob[, flags, counter]
  bool hostbound = false;
  std::uint8_t host_key = 0;
  auto fields() { return std::tie(algorithm, key_blob, signature, hostbound, host_key); }
};

// The "none" method, and methods that aren't offered: counted and logged by the monitor.
struct NoneAuthRequest {
  static constexpr auto kKind = SessionMessage::kNoneAuthRequest;
  auto fields() { return std::tie(); }
};
struct UnsupportedAuthRequest {
  static constexpr auto kKind = SessionMessage::kUnsupportedAuthRequest;
  BoundedString<64> method;
  auto fields() { return std::tie(method); }
};

// The "password" method (RFC 4252 §8; never the form that changes it).
struct PasswordAuthRequest {
  static constexpr auto kKind = SessionMessage::kPasswordAuthRequest;
  static constexpr bool kSecret = true;
  BoundedSecret<limits::kMaxAnswer> password;
  auto fields() { return std::tie(password); }
};

// Begins a keyboard-interactive conversation (RFC 4256). Any other request ends it.
struct InteractiveAuthRequest {
  static constexpr auto kKind = SessionMessage::kInteractiveAuthRequest;
  auto fields() { return std::tie(); }
};

// The answers to the prompts of the last reply, whose outcome was kPrompts.
struct InteractiveAnswersRequest {
  static constexpr auto kKind = SessionMessage::kInteractiveAnswersRequest;
  static constexpr bool kSecret = true;
  BoundedList<BoundedSecret<limits::kMaxAnswer>, limits::kMaxPromptsPerRound> answers;
  auto fields() { return std::tie(answers); }
};

enum class AuthOutcome : std::uint8_t {
  kFailure = 1,
  kPartial,
  kSuccess,
  kTooManyFailures,
  kPrompts,
};
constexpr bool is_valid(AuthOutcome outcome) {
  const auto raw = static_cast<std::uint8_t>(outcome);
  return raw >= 1 && raw <= 5;
}

struct AuthPrompt {
  BoundedString<limits::kMaxUserMessage> text;
  bool echo = false;
  auto fields() { return std::tie(text, echo); }
};

// What the login may do, for early and clear refusals; the guest enforces the same from its grant.
struct SessionPermissions {
  bool shell = false;
  bool exec = false;
  bool pty = false;
  bool sftp = false;
  bool local_forwarding = false;
  bool remote_forwarding = false;
  bool agent_forwarding = false;
  bool x11_forwarding = false;
  auto fields() {
    return std::tie(shell, exec, pty, sftp, local_forwarding, remote_forwarding, agent_forwarding,
                    x11_forwarding);
  }
};

struct AuthReply {
  static constexpr auto kKind = SessionMessage::kAuthReply;
  AuthOutcome outcome = AuthOutcome::kFailure;
  BoundedString<256> methods;  // that can continue
  SessionPermissions permissions;
  // To be shown, made safe for a terminal: above the prompts, else as a banner. May have lines.
  BoundedString<limits::kMaxUserMessage> text;
  BoundedList<AuthPrompt, limits::kMaxPromptsPerRound> prompts;  // with kPrompts
  auto fields() { return std::tie(outcome, methods, permissions, text, prompts); }
};

// One line of progress for the person who waits ("starting instance c1").
struct TargetProgressNotice {
  static constexpr auto kKind = SessionMessage::kTargetProgressNotice;
  BoundedString<limits::kMaxUserMessage> text;
  bool update = false;  // the last step goes on, the text takes its line
  auto fields() { return std::tie(text, update); }
};

// The guest runs. Carries four fds: connected websockets (RFC 6455, client side, after the
// handshake) of an Incus exec's stdin, stdout, stderr and control, in that order. The guest's hello
// has been read; its frames (common/guest_protocol.h) follow.
struct TargetReadyNotice {
  static constexpr auto kKind = SessionMessage::kTargetReadyNotice;
  BoundedString<limits::kMaxUserMessage> description;  // "alice@c1.default", for messages
  std::uint32_t idle_limit_seconds = 0;                // without data in any session; 0: no limit
  std::uint32_t silence_limit_seconds = 0;             // of the guest; 0: no limit
  BoundedString<limits::kMaxBanner> welcome;  // shown above a shell on a terminal; may have lines
  bool raw = false;  // the guest runs on the host: no websockets, its bytes themselves
  auto fields() {
    return std::tie(description, idle_limit_seconds, silence_limit_seconds, welcome, raw);
  }
};

// No guest: text goes to stderr of every session channel, which then ends with exit_status.
struct TargetFailedNotice {
  static constexpr auto kKind = SessionMessage::kTargetFailedNotice;
  BoundedString<limits::kMaxUserMessage> text;
  std::uint32_t exit_status = 255;
  auto fields() { return std::tie(text, exit_status); }
};

// Say goodbye to the client with this text and end.
struct ShutdownNotice {
  static constexpr auto kKind = SessionMessage::kShutdownNotice;
  BoundedString<limits::kMaxUserMessage> reason;
  auto fields() { return std::tie(reason); }
};

// For the log.
struct SessionOpenedNotice {
  static constexpr auto kKind = SessionMessage::kSessionOpenedNotice;
  std::uint32_t stream = 0;
  bool pty = false;
  std::optional<BoundedString<limits::kMaxLogText>> command;  // none: a shell, or sftp
  bool sftp = false;
  auto fields() { return std::tie(stream, pty, command, sftp); }
};

struct SessionClosedNotice {
  static constexpr auto kKind = SessionMessage::kSessionClosedNotice;
  std::uint32_t stream = 0;
  std::optional<std::uint32_t> exit_status;
  BoundedString<32> exit_signal;  // RFC 4254 §6.10 name, or empty
  std::uint64_t bytes_in = 0;     // from the client
  std::uint64_t bytes_out = 0;    // to the client
  auto fields() { return std::tie(stream, exit_status, exit_signal, bytes_in, bytes_out); }
};

enum class ForwardKind : std::uint8_t { kLocal = 1, kRemote, kAgent, kX11 };
constexpr bool is_valid(ForwardKind kind) {
  const auto raw = static_cast<std::uint8_t>(kind);
  return raw >= 1 && raw <= 4;
}

// A forwarded connection that both sides have taken. where: "host port 80" or a path, as the client
// has named the end that is in the instance.
struct ForwardOpenedNotice {
  static constexpr auto kKind = SessionMessage::kForwardOpenedNotice;
  std::uint32_t stream = 0;
  ForwardKind forward{};
  BoundedString<limits::kMaxLogText> where;
  auto fields() { return std::tie(stream, forward, where); }
};

struct ForwardClosedNotice {
  static constexpr auto kKind = SessionMessage::kForwardClosedNotice;
  std::uint32_t stream = 0;
  std::uint64_t bytes_in = 0;   // from the client
  std::uint64_t bytes_out = 0;  // to the client
  auto fields() { return std::tie(stream, bytes_in, bytes_out); }
};

struct DisconnectNotice {
  static constexpr auto kKind = SessionMessage::kDisconnectNotice;
  BoundedString<limits::kMaxLogText> reason;
  auto fields() { return std::tie(reason); }
};

struct LogNotice {
  static constexpr auto kKind = SessionMessage::kLogNotice;
  BoundedString<limits::kMaxLogText> text;
  auto fields() { return std::tie(text); }
};

// Sent from the SIGSYS handler: the system call that the filter refused.
struct CrashNotice {
  static constexpr auto kKind = SessionMessage::kCrashNotice;
  std::uint32_t syscall = 0;
  auto fields() { return std::tie(syscall); }
};

}  // namespace ssh2incus::ipc
