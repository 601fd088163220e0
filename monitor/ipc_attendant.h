// The boundary between the monitor and its attendant (root, the only one of the two that may open
// files, look up users and start programs). The monitor asks, the attendant answers each request
// with one reply; which request is allowed when is the table at the end. The attendant trusts the
// monitor's requests no further than that table; the monitor trusts the attendant's answers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <tuple>

#include "common/bounded.h"
#include "common/guest_protocol.h"
#include "common/ipc_codec.h"
#include "common/limits.h"
#include "common/names.h"
#include "policy/authorized_keys.h"

namespace ssh2incus {

inline constexpr std::size_t kMaxGroupName = 96;   // all groups must fit into one message
inline constexpr std::size_t kMaxKeyReasons = 16;  // refused lines that are reported per lookup
inline constexpr std::size_t kMaxKeyReason = 512;

enum class AttendantMessage : std::uint8_t {
  // monitor to attendant
  kLookupRequest = 1,
  kKeysRequest,
  kAccountRequest,
  kGatewayStartRequest,
  kPamStartRequest,
  kPamAnswersRequest,
  kPamAbortRequest,
  kQuestionsStartRequest,
  kShellStartRequest,
  // attendant to monitor
  kLookupReply = 65,
  kKeysReply,
  kAccountReply,
  kGatewayStartReply,
  kCrashNotice,
  kFailedNotice,
  kPamReply,
  kShellStartReply,
};
inline constexpr std::size_t kAttendantRequestCount = 9;
constexpr bool is_valid(AttendantMessage kind) {
  const auto raw = static_cast<std::uint8_t>(kind);
  return (raw >= 1 && raw <= 9) || (raw >= 65 && raw <= 72);
}

// Who is it that logs in, from where (PAM_RHOST)? All later requests are about this user.
struct LookupRequest {
  static constexpr auto kKind = AttendantMessage::kLookupRequest;
  std::optional<HostUser> user;  // absent is an error; optional because a name has no default
  BoundedString<64> source_address;
  auto fields() { return std::tie(user, source_address); }
};

// If not found everything else but doubt is empty, and the later requests may be made all the same:
// they take the same time and are refused.
struct LookupReply {
  static constexpr auto kKind = AttendantMessage::kLookupReply;
  bool found = false;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  // Primary and supplementary; groups without a name or with a longer one are left out.
  BoundedList<BoundedString<kMaxGroupName>, limits::kMaxGroups> groups;
  BoundedString<limits::kMaxPath> home;
  BoundedString<limits::kMaxPath> shell;
  BoundedString<kMaxKeyReason> doubt;  // not found: what speaks against it
  auto fields() { return std::tie(found, uid, gid, groups, home, shell, doubt); }
};

// What files are asked about a certificate. That its CA has signed it has been verified.
struct CertificateQuery {
  BoundedBytes<limits::kMaxPublicKeyBlob> ca_key;
  BoundedBytes<20> ca_sha1;
  BoundedBytes<32> ca_sha256;
  std::uint64_t serial = 0;
  BoundedString<limits::kMaxPublicKeyBlob> key_id;
  BoundedList<BoundedString<limits::kMaxPublicKeyBlob>, limits::kMaxPrincipals> principals;
  auto fields() { return std::tie(ca_key, ca_sha1, ca_sha256, serial, key_id, principals); }
};

// Is this key authorised for the user, under these circumstances? With a certificate, the key is
// the certified one, and it is the certificate that has to be authorised, not the key. Type and
// fingerprint are what an authorized-keys-command is told of the key; it isn't asked about a key
// without a type. It has command_ms at most, so that it is ended before the login's time is over
// and with it the attendant.
struct KeysRequest {
  static constexpr auto kKind = AttendantMessage::kKeysRequest;
  BoundedBytes<limits::kMaxPublicKeyBlob> key_blob;
  BoundedBytes<20> key_sha1;
  BoundedBytes<32> key_sha256;
  std::optional<CertificateQuery> certificate;
  BoundedString<limits::kMaxAlgorithmName> key_type;
  BoundedString<64> fingerprint;
  BoundedString<limits::kMaxAlgorithmName> algorithm;
  BoundedString<64> source_address;
  std::uint32_t command_ms = 0;
  std::uint64_t now_unix = 0;
  std::uint32_t utc_offset_seconds = 0;  // the two's complement of a std::int32_t
  BoundedList<BoundedString<limits::kMaxEnvironmentName>, 64> permitted_environment;
  auto fields() {
    return std::tie(key_blob, key_sha1, key_sha256, certificate, key_type, fingerprint, algorithm,
                    source_address, command_ms, now_unix, utc_offset_seconds,
                    permitted_environment);
  }
};

// The line of the key or of the certificate's CA. grant: what the lines allow; what the certificate
// itself allows has to be combined with it.
struct AuthorizedLine {
  KeyGrant grant;
  BoundedString<limits::kMaxPath> file;
  std::uint32_t line = 0;
  BoundedString<limits::kMaxPublicKeyBlob>
      principal;  // of the certificate, by which it is accepted
  BoundedString<limits::kMaxPath + 16> principal_from;  // "file:line"; empty: it is the user's name
  auto fields() { return std::tie(grant, file, line, principal, principal_from); }
};

// not_revoked: revoked keys were read, if there are any, and have nothing against the key; only
// then may something else be asked about it. reasons: why files, malformed lines, or lines with
// this key were not accepted; refusal: why the key isn't accepted, if there's more to say than that
// nothing authorises it. Both for the log.
struct KeysReply {
  static constexpr auto kKind = AttendantMessage::kKeysReply;
  std::optional<AuthorizedLine> accepted;
  bool not_revoked = false;
  BoundedString<kMaxKeyReason> refusal;
  BoundedList<BoundedString<kMaxKeyReason>, kMaxKeyReasons> reasons;
  auto fields() { return std::tie(accepted, not_revoked, refusal, reasons); }
};

// May the account log in now (PAM's account stack)?
struct AccountRequest {
  static constexpr auto kKind = AttendantMessage::kAccountRequest;
  auto fields() { return std::tie(); }
};

struct AccountReply {
  static constexpr auto kKind = AttendantMessage::kAccountReply;
  bool valid = false;
  BoundedString<limits::kMaxLogText> log_text;                         // why not
  std::optional<BoundedString<limits::kMaxUserMessage>> user_message;  // from PAM, not escaped
  auto fields() { return std::tie(valid, log_text, user_message); }
};

// Begins a PAM transaction: authentication, account, and the change of an expired password. Ends
// one that is going on.
struct PamStartRequest {
  static constexpr auto kKind = AttendantMessage::kPamStartRequest;
  static constexpr bool kSecret = true;
  // Answers the first prompt without echo; other prompts fail. Absent: prompts are asked.
  std::optional<BoundedSecret<limits::kMaxAnswer>> password;
  bool hopeless = false;  // the login is refused already: PAM gets made-up answers
  auto fields() { return std::tie(password, hopeless); }
};

// To the prompts of the last PamReply.
struct PamAnswersRequest {
  static constexpr auto kKind = AttendantMessage::kPamAnswersRequest;
  static constexpr bool kSecret = true;
  BoundedList<BoundedSecret<limits::kMaxAnswer>, limits::kMaxPromptsPerRound> answers;
  auto fields() { return std::tie(answers); }
};

struct PamAbortRequest {
  static constexpr auto kKind = AttendantMessage::kPamAbortRequest;
  auto fields() { return std::tie(); }
};

enum class PamOutcome : std::uint8_t {
  kPrompts = 1,
  kSuccess,  // the account may log in, too
  kFailed,
  kExpired,  // right, but the password must be changed, which can't be asked for
};
constexpr bool is_valid(PamOutcome outcome) {
  const auto raw = static_cast<std::uint8_t>(outcome);
  return raw >= 1 && raw <= 4;
}

struct PamPrompt {
  BoundedString<limits::kMaxPrompt> text;
  bool echo = false;
  auto fields() { return std::tie(text, echo); }
};

struct PamReply {
  static constexpr auto kKind = AttendantMessage::kPamReply;
  PamOutcome outcome = PamOutcome::kFailed;
  BoundedList<PamPrompt, limits::kMaxPromptsPerRound> prompts;  // with kPrompts
  BoundedString<limits::kMaxUserMessage> text;                  // for the client, not escaped
  BoundedString<limits::kMaxLogText> log_text;                  // why not
  auto fields() { return std::tie(outcome, prompts, text, log_text); }
};

// Starts the gateway for that remote. The last request: the attendant exits after its reply.
struct GatewayStartRequest {
  static constexpr auto kKind = AttendantMessage::kGatewayStartRequest;
  BoundedString<limits::kMaxRemoteName> remote;
  auto fields() { return std::tie(remote); }
};

// Starts a gateway that will be asked about keys and passwords of the instance, before anybody has
// proved anything; refused unless the server was started with --inauth. Answered as the former.
struct QuestionsStartRequest {
  static constexpr auto kKind = AttendantMessage::kQuestionsStartRequest;
  BoundedString<limits::kMaxRemoteName> remote;
  auto fields() { return std::tie(remote); }
};

// Starts a guest on the host whose shell is the Incus shell, and gives it its grant. The last
// request: the attendant exits after its reply.
struct ShellStartRequest {
  static constexpr auto kKind = AttendantMessage::kShellStartRequest;
  GuestGrant grant;
  auto fields() { return std::tie(grant); }
};

// With four fds as TargetReadyNotice has them, without websockets, if it has started; else the
// reason.
struct ShellStartReply {
  static constexpr auto kKind = AttendantMessage::kShellStartReply;
  bool started = false;
  BoundedString<limits::kMaxLogText> reason;
  auto fields() { return std::tie(started, reason); }
};

// With one fd, the end of an IpcChannel to the gateway (common/ipc_gateway.h), if pid isn't 0.
// Without any fd, and with the reason, if it is.
struct GatewayStartReply {
  static constexpr auto kKind = AttendantMessage::kGatewayStartReply;
  std::uint32_t pid = 0;
  BoundedString<limits::kMaxLogText> reason;
  auto fields() { return std::tie(pid, reason); }
};

// The system call that the filter refused, of the attendant or of a child of it.
struct AttendantCrash {
  static constexpr auto kKind = AttendantMessage::kCrashNotice;
  std::uint32_t syscall = 0;
  auto fields() { return std::tie(syscall); }
};

// In place of a reply: the attendant can't do its work and exits.
struct AttendantFailed {
  static constexpr auto kKind = AttendantMessage::kFailedNotice;
  BoundedString<limits::kMaxLogText> reason;
  auto fields() { return std::tie(reason); }
};

enum class AttendantState : std::uint8_t {
  kStarted = 1,   // nobody looked up
  kUserKnown,     // the user of the lookup exists
  kUserUnknown,   // and here not
  kAccountValid,  // PAM has agreed
};

struct AttendantRule {
  AttendantMessage request;
  std::uint8_t states;  // bit n: allowed in the state of number n
  std::uint32_t most;   // times per connection
};

constexpr std::uint8_t in_states(auto... states) {
  return static_cast<std::uint8_t>(((1U << static_cast<unsigned>(states)) | ...));
}

inline constexpr std::array<AttendantRule, kAttendantRequestCount> kAttendantRules = {{
    {AttendantMessage::kLookupRequest, in_states(AttendantState::kStarted), 1},
    {AttendantMessage::kKeysRequest,
     in_states(AttendantState::kUserKnown, AttendantState::kUserUnknown,
               AttendantState::kAccountValid),
     limits::kMaxKeyQueries},
    {AttendantMessage::kAccountRequest,
     in_states(AttendantState::kUserKnown, AttendantState::kUserUnknown), 1},
    // Only for a user whom PAM has accepted; keys are the monitor's to judge.
    {AttendantMessage::kGatewayStartRequest, in_states(AttendantState::kAccountValid), 1},
    // As many as both methods may begin.
    {AttendantMessage::kPamStartRequest,
     in_states(AttendantState::kUserKnown, AttendantState::kUserUnknown,
               AttendantState::kAccountValid),
     2 * limits::kMaxConversations},
    {AttendantMessage::kPamAnswersRequest,
     in_states(AttendantState::kUserKnown, AttendantState::kUserUnknown,
               AttendantState::kAccountValid),
     limits::kMaxConversations* limits::kMaxRounds},
    {AttendantMessage::kPamAbortRequest,
     in_states(AttendantState::kUserKnown, AttendantState::kUserUnknown,
               AttendantState::kAccountValid),
     limits::kMaxConversations},
    {AttendantMessage::kShellStartRequest, in_states(AttendantState::kAccountValid), 1},
    {AttendantMessage::kQuestionsStartRequest,
     in_states(AttendantState::kUserKnown, AttendantState::kUserUnknown,
               AttendantState::kAccountValid),
     1},
}};

constexpr bool every_attendant_request_has_one_rule() {
  for (std::size_t kind = 1; kind <= kAttendantRequestCount; ++kind) {
    std::size_t found = 0;
    for (const AttendantRule& rule : kAttendantRules) {
      if (static_cast<std::size_t>(rule.request) == kind) ++found;
    }
    if (found != 1) return false;
  }
  return true;
}
static_assert(every_attendant_request_has_one_rule());

}  // namespace ssh2incus
