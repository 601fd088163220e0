// What a monitor tells the listener: who its client is if a load balancer has had to say it, how
// its login goes, and what metrics count. The listener counts failures by user from it and no
// longer counts the connection as unauthenticated. Names and addresses in it come from the network.
// The listener answers SourceRequest only, once; the end of the channel means that the other side
// has ended.
#pragma once

#include <cstdint>
#include <tuple>

#include "common/bounded.h"
#include "common/ipc_codec.h"
#include "common/limits.h"
#include "monitor/connection_end.h"
#include "policy/authentication_chains.h"

namespace ssh2incus {

enum class ListenerMessage : std::uint8_t {
  kLoggedInNotice = 1,
  kFailureNotice,
  kSourceRequest,
  kAttemptNotice,
  kPhaseNotice,
  kTrafficNotice,
  kEndNotice,
  // listener to monitor
  kSourceReply = 65,
};
constexpr bool is_valid(ListenerMessage kind) {
  const auto raw = static_cast<std::uint8_t>(kind);
  return (raw >= 1 && raw <= 7) || raw == 65;
}

// The host user who has logged in; empty if it wasn't one who proved something.
struct LoggedInNotice {
  static constexpr auto kKind = ListenerMessage::kLoggedInNotice;
  BoundedString<limits::kMaxUserName> user;
  auto fields() { return std::tie(user); }
};

// An attempt with something that can be guessed has failed.
struct FailureNotice {
  static constexpr auto kKind = ListenerMessage::kFailureNotice;
  BoundedString<limits::kMaxUserName> user;
  auto fields() { return std::tie(user); }
};

// Whether a source may connect: 4 or 16 bytes, or none, if the balancer speaks for itself. From now
// on the connection counts as that source's. Once per connection, from behind a balancer.
struct SourceRequest {
  static constexpr auto kKind = ListenerMessage::kSourceRequest;
  BoundedBytes<16> address;
  auto fields() { return std::tie(address); }
};

enum class SourceVerdict : std::uint8_t { kAdmitted = 1, kPenalised, kTooMany };
constexpr bool is_valid(SourceVerdict verdict) {
  const auto raw = static_cast<std::uint8_t>(verdict);
  return raw >= 1 && raw <= 3;
}

struct SourceReply {
  static constexpr auto kKind = ListenerMessage::kSourceReply;
  SourceVerdict verdict{};
  auto fields() { return std::tie(verdict); }
};

// What refused clients are told instead of SSH, in sshd's words.
inline constexpr const char* kPenalisedText = "Not allowed at this time\r\n";
inline constexpr const char* kTooManyText = "Exceeded MaxStartups\r\n";

// A method has been tried.
constexpr bool is_valid(AuthMethod method) {
  const auto raw = static_cast<std::uint8_t>(method);
  return raw >= 1 && raw <= 4;
}
enum class LoginResult : std::uint8_t { kSucceeded = 1, kPartial, kFailed };
constexpr bool is_valid(LoginResult result) {
  const auto raw = static_cast<std::uint8_t>(result);
  return raw >= 1 && raw <= 3;
}
struct AttemptNotice {
  static constexpr auto kKind = ListenerMessage::kAttemptNotice;
  AuthMethod method{};
  LoginResult result{};
  auto fields() { return std::tie(method, result); }
};

// How long something took: the key exchange, from the connection on; from the login to the
// instance's readiness.
enum class Phase : std::uint8_t { kHandshake = 1, kTarget };
constexpr bool is_valid(Phase phase) {
  return phase == Phase::kHandshake || phase == Phase::kTarget;
}
struct PhaseNotice {
  static constexpr auto kKind = ListenerMessage::kPhaseNotice;
  Phase phase{};
  std::uint32_t milliseconds = 0;
  auto fields() { return std::tie(phase, milliseconds); }
};

// Of a session or forwarded connection that has ended, as sessiond says.
struct TrafficNotice {
  static constexpr auto kKind = ListenerMessage::kTrafficNotice;
  std::uint64_t bytes_in = 0;   // from the client
  std::uint64_t bytes_out = 0;  // to the client
  auto fields() { return std::tie(bytes_in, bytes_out); }
};

// The last word, for a listener that isn't the monitor's parent.
struct EndNotice {
  static constexpr auto kKind = ListenerMessage::kEndNotice;
  ConnectionEnd how{};
  auto fields() { return std::tie(how); }
};

}  // namespace ssh2incus
