// The boundary between the monitor and the gateway. One OpenRequest per gateway process; any number
// of progress, creation and log notices; then ReadyReply or FailedReply, after which the gateway
// exits. With --inauth a gateway may begin earlier, with an AuthGrant and requests about keys and
// passwords, each answered by one reply; an OpenRequest that follows must be about the same target.
// A ResolveRequest may come before the OpenRequest, if access depends on labels; FailedReply
// answers it too. PlainReply instead of ReadyReply: no guest can run in the instance; the gateway
// stays, and starts one Incus exec for each ExecRequest. With an https endpoint it stays in any
// case, for it carries the streams. Instead of all that: the requests of common/ipc_inventory.h.
// What the gateway sends is not trusted by the monitor beyond these types.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>

#include "common/bounded.h"
#include "common/create_grant.h"
#include "common/guest_protocol.h"
#include "common/ipc_codec.h"
#include "common/ipc_endpoint.h"
#include "common/limits.h"
#include "common/plain_program.h"

namespace ssh2incus::ipc {

enum class GatewayMessage : std::uint8_t {
  kOpenRequest = 1,
  kAuthGrant,
  kInstanceKeyRequest,
  kInstancePasswordRequest,
  kResolveRequest,
  kExecRequest,
  kExecStatusRequest,
  kListRequest,
  kExamineRequest,
  kDeleteRequest,
  kCheckRequest,
  kProgressNotice = 65,
  kReadyReply,
  kFailedReply,
  kLogNotice,
  kCrashNotice,
  kInstanceKeyReply,
  kInstancePasswordReply,
  kResolveReply,
  kPlainReply,
  kExecStartedReply,
  kExecFailedReply,
  kExecEndedReply,
  kListReply,
  kExamineReply,
  kDeleteReply,
  kCreationNotice,
  kCheckReply,
};
constexpr bool is_valid(GatewayMessage kind) {
  const auto raw = static_cast<std::uint8_t>(kind);
  return (raw >= 1 && raw <= 11) || (raw >= 65 && raw <= 81);
}

// The grant: what the gateway is to open, and nothing else.
struct OpenRequest {
  static constexpr auto kKind = GatewayMessage::kOpenRequest;
  static constexpr bool kSecret = true;
  IncusEndpoint endpoint;
  BoundedString<limits::kMaxPath> guest_path;  // host path of the guest's binary
  BoundedString<limits::kMaxProjectName> project;
  BoundedString<limits::kMaxInstanceName> instance;
  bool start_if_stopped = true;
  GuestGrant guest;
  // Host path of a static tmux for instances without one; empty: none is wanted.
  BoundedString<limits::kMaxPath> tmux_path;
  std::optional<CreateGrant> create;  // if there is no such instance
  auto fields() {
    return std::tie(endpoint, guest_path, project, instance, start_if_stopped, guest, tmux_path,
                    create);
  }
};

// The grant of a gateway that is started before anybody has proved anything: it may read the
// account files of that instance and the keys of that user in it, and start or change nothing.
struct AuthGrant {
  static constexpr auto kKind = GatewayMessage::kAuthGrant;
  static constexpr bool kSecret = true;
  IncusEndpoint endpoint;
  BoundedString<limits::kMaxProjectName> project;
  BoundedString<limits::kMaxInstanceName> instance;
  BoundedString<limits::kMaxUserName> user;  // inside the instance
  BoundedString<64> source_address;
  std::uint32_t utc_offset_seconds = 0;  // the two's complement of a std::int32_t
  BoundedList<BoundedString<limits::kMaxEnvironmentName>, 64> permitted_environment;
  auto fields() {
    return std::tie(endpoint, project, instance, user, source_address, utc_offset_seconds,
                    permitted_environment);
  }
};

// Is this key authorised by the user's own files in the instance?
struct InstanceKeyRequest {
  static constexpr auto kKind = GatewayMessage::kInstanceKeyRequest;
  BoundedBytes<limits::kMaxPublicKeyBlob> key_blob;
  std::uint64_t now_unix = 0;
  auto fields() { return std::tie(key_blob, now_unix); }
};

// grant: a KeyGrant (policy/authorized_keys.h), encoded as any other structure.
struct InstanceLine {
  BoundedBytes<limits::kMaxKeyGrant> grant;
  BoundedString<limits::kMaxPath> file;
  std::uint32_t line = 0;
  auto fields() { return std::tie(grant, file, line); }
};

// reasons: why files, malformed lines, or lines with this key were not accepted; for the log.
struct InstanceKeyReply {
  static constexpr auto kKind = GatewayMessage::kInstanceKeyReply;
  std::optional<InstanceLine> accepted;
  BoundedList<BoundedString<512>, 16> reasons;
  auto fields() { return std::tie(accepted, reasons); }
};

// Is this the user's password in the instance?
struct InstancePasswordRequest {
  static constexpr auto kKind = GatewayMessage::kInstancePasswordRequest;
  static constexpr bool kSecret = true;
  BoundedSecret<limits::kMaxInstancePassword> password;
  std::uint64_t now_unix = 0;
  auto fields() { return std::tie(password, now_unix); }
};

// reason: why not; for the log.
struct InstancePasswordReply {
  static constexpr auto kKind = GatewayMessage::kInstancePasswordReply;
  bool valid = false;
  BoundedString<limits::kMaxLogText> reason;
  auto fields() { return std::tie(valid, reason); }
};

// What does the instance's configuration say in these user.* keys? Names come without "user.".
struct ResolveRequest {
  static constexpr auto kKind = GatewayMessage::kResolveRequest;
  static constexpr bool kSecret = true;
  IncusEndpoint endpoint;
  BoundedString<limits::kMaxProjectName> project;
  BoundedString<limits::kMaxInstanceName> instance;
  BoundedList<BoundedString<limits::kMaxLabelName>, limits::kMaxLabels> names;
  bool may_be_missing = false;  // the login may create it
  auto fields() { return std::tie(endpoint, project, instance, names, may_be_missing); }
};

struct InstanceLabel {
  BoundedString<limits::kMaxLabelName> name;
  BoundedString<limits::kMaxLabelValue> value;
  auto fields() { return std::tie(name, value); }
};

// Those that are set. A value that doesn't fit is a FailedReply: leaving it out could widen access.
struct ResolveReply {
  static constexpr auto kKind = GatewayMessage::kResolveReply;
  BoundedList<InstanceLabel, limits::kMaxLabels> labels;
  bool missing = false;  // there is no such instance
  auto fields() { return std::tie(labels, missing); }
};

struct GatewayProgress {
  static constexpr auto kKind = GatewayMessage::kProgressNotice;
  BoundedString<limits::kMaxUserMessage> text;
  bool update = false;  // the last step goes on, the text takes its line
  auto fields() { return std::tie(text, update); }
};

// Of an instance that the grant allows to create; for the log.
enum class CreationStep : std::uint8_t {
  kBegun = 1,     // Incus is at work
  kDone,          // it runs
  kLeftToOthers,  // somebody else creates it
  kUndone,        // nothing is left of it
  kLeft,          // it couldn't be taken back
};
constexpr bool is_valid(CreationStep step) {
  const auto raw = static_cast<std::uint8_t>(step);
  return raw >= 1 && raw <= 5;
}

struct CreationNotice {
  static constexpr auto kKind = GatewayMessage::kCreationNotice;
  CreationStep step{};
  auto fields() { return std::tie(step); }
};

// Carries four fds as TargetReadyNotice describes.
struct ReadyReply {
  static constexpr auto kKind = GatewayMessage::kReadyReply;
  std::uint32_t uid = 0;  // of the instance user, as the guest told
  BoundedString<64> instance_uuid;
  auto fields() { return std::tie(uid, instance_uuid); }
};

// No guest can run in the instance; reason: why, for user and log.
struct PlainReply {
  static constexpr auto kKind = GatewayMessage::kPlainReply;
  std::uint32_t uid = 0;  // of the instance user, by the instance's /etc/passwd
  BoundedString<64> instance_uuid;
  BoundedString<limits::kMaxUserMessage> reason;
  auto fields() { return std::tie(uid, instance_uuid, reason); }
};

// Runs a program as the instance user, within the grant of the OpenRequest. stream: a number that
// wasn't used before. Answered by ExecStartedReply or ExecFailedReply.
struct ExecRequest {
  static constexpr auto kKind = GatewayMessage::kExecRequest;
  std::uint32_t stream = 0;
  PlainProgram program;
  auto fields() { return std::tie(stream, program); }
};

// Carries the program's websockets; see common/plain_program.h.
struct ExecStartedReply {
  static constexpr auto kKind = GatewayMessage::kExecStartedReply;
  std::uint32_t stream = 0;
  auto fields() { return std::tie(stream); }
};

// text: one line for the user.
struct ExecFailedReply {
  static constexpr auto kKind = GatewayMessage::kExecFailedReply;
  std::uint32_t stream = 0;
  BoundedString<limits::kMaxUserMessage> text;
  auto fields() { return std::tie(stream, text); }
};

// How has the program of that stream ended? Answered by ExecEndedReply, once it has.
struct ExecStatusRequest {
  static constexpr auto kKind = GatewayMessage::kExecStatusRequest;
  std::uint32_t stream = 0;
  auto fields() { return std::tie(stream); }
};

struct ExecEndedReply {
  static constexpr auto kKind = GatewayMessage::kExecEndedReply;
  std::uint32_t stream = 0;
  std::optional<std::uint32_t> status;  // none: Incus doesn't know any more
  auto fields() { return std::tie(stream, status); }
};

enum class TargetFailure : std::uint8_t {
  kNoSuchInstance = 1,
  kNoSuchProject,
  kNoSuchUser,
  kInstanceFrozen,
  kCannotStart,
  kIncusUnreachable,
  kGuestFailed,
  kTimedOut,
  kIncusError,
  kCannotCreate,
};
constexpr bool is_valid(TargetFailure failure) {
  const auto raw = static_cast<std::uint8_t>(failure);
  return raw >= 1 && raw <= 10;
}

// text: one line that the user can act on.
struct FailedReply {
  static constexpr auto kKind = GatewayMessage::kFailedReply;
  TargetFailure failure{};
  BoundedString<limits::kMaxUserMessage> text;
  auto fields() { return std::tie(failure, text); }
};

// Of the listener's: does Incus answer? The only request of its gateway, answered by CheckReply.
struct CheckRequest {
  static constexpr auto kKind = GatewayMessage::kCheckRequest;
  static constexpr bool kSecret = true;
  IncusEndpoint endpoint;
  auto fields() { return std::tie(endpoint); }
};

struct CheckReply {
  static constexpr auto kKind = GatewayMessage::kCheckReply;
  bool reachable = false;
  BoundedString<limits::kMaxUserMessage> text;  // why it isn't
  auto fields() { return std::tie(reachable, text); }
};

struct GatewayLog {
  static constexpr auto kKind = GatewayMessage::kLogNotice;
  BoundedString<limits::kMaxLogText> text;
  auto fields() { return std::tie(text); }
};

struct GatewayCrash {
  static constexpr auto kKind = GatewayMessage::kCrashNotice;
  std::uint32_t syscall = 0;
  auto fields() { return std::tie(syscall); }
};

}  // namespace ssh2incus::ipc
