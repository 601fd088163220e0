// What travels between the host and ssh2incus-guest over the guest's stdin and stdout.
//
// 1. The gateway writes a Preface: the grant's length (u32, at most kMaxGuestGrant) and a
// GuestGrant.
// 2. The guest answers with the length (u32) of a GuestHello and the GuestHello. If the hello's
//    outcome isn't kReady, the guest exits.
// 3. From then on both sides send frames: FrameHeader (12 bytes, big-endian: u8 type, u8 zero,
//    u16 zero, u32 stream, u32 payload length) and payload (at most kMaxGuestFrame). kData and
//    kExtendedData carry raw bytes, kEof and kClose nothing, the others the struct of their name,
//    encoded with encode_fields().
//
// Streams are numbered by sessiond, from 1, never reused in a connection. Flow control is by
// credit, as in RFC 4254 §5.2: each side may send kGuestWindow payload bytes of data per stream and
// direction (kData and kExtendedData together) and more after a WindowAdjust.
//
// Life of a session stream: OpenSession → Opened | OpenFailed. Then data both ways; kEof from
// sessiond closes the program's stdin; kEof from the guest says that stdout and stderr are both at
// their end; Exited says how the leader ended (it may come before the last data when background
// children still hold the output, as with OpenSSH). The stream is over when sessiond has sent
// kClose (the guest then sends HUP to what is left of the process group, and stops reading its
// output), or the guest has sent both kEof and Exited. Anything after that for the stream is
// ignored. When stdin of the guest ends, it sends HUP to every session and exits.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <tuple>

#include "common/bounded.h"
#include "common/ipc_codec.h"
#include "common/limits.h"

namespace ssh2incus {

inline constexpr std::uint16_t kGuestProtocolVersion = 1;

struct EnvironmentEntry {
  BoundedString<limits::kMaxEnvironmentName> name;
  BoundedString<limits::kMaxEnvironmentValue> value;
  auto fields() { return std::tie(name, value); }
  friend bool operator==(const EnvironmentEntry&, const EnvironmentEntry&) = default;
};

// What this connection may do inside the instance. Written by the monitor, enforced by the guest.
struct GuestGrant {
  std::uint16_t version = kGuestProtocolVersion;
  BoundedString<limits::kMaxUserName> user;
  bool allow_pty = true;
  bool allow_shell = true;  // the login shell
  bool allow_exec = true;   // commands; a forced command needs either of the two
  std::optional<BoundedString<limits::kMaxCommand>> forced_command;
  BoundedList<EnvironmentEntry, limits::kMaxEnvironmentEntries> environment;  // always set
  // Patterns (see common/environment_rule.h) of names that the client may set.
  BoundedList<BoundedString<limits::kMaxEnvironmentName>, 64> accepted_environment;
  std::uint32_t max_sessions = limits::kMaxSessionsPerConnection;
  auto fields() {
    return std::tie(version, user, allow_pty, allow_shell, allow_exec, forced_command, environment,
                    accepted_environment, max_sessions);
  }
};

enum class GuestOutcome : std::uint8_t { kReady = 1, kNoSuchUser, kBadGrant, kInternalError };
constexpr bool is_valid(GuestOutcome outcome) {
  const auto raw = static_cast<std::uint8_t>(outcome);
  return raw >= 1 && raw <= 4;
}

struct GuestHello {
  std::uint16_t version = kGuestProtocolVersion;
  GuestOutcome outcome{};
  BoundedString<limits::kMaxUserMessage> message;  // why not, if not kReady
  std::uint32_t uid = 0;
  auto fields() { return std::tie(version, outcome, message, uid); }
};

enum class FrameType : std::uint8_t {
  // sessiond to guest
  kOpenSession = 1,
  kWindowChange,
  kSignal,
  kClose,
  // guest to sessiond
  kOpened = 33,
  kOpenFailed,
  kExited,
  // both
  kData = 65,
  kExtendedData,  // stderr; guest to sessiond only
  kEof,
  kWindowAdjust,
};
constexpr bool is_valid(FrameType type) {
  const auto raw = static_cast<std::uint8_t>(type);
  return (raw >= 1 && raw <= 4) || (raw >= 33 && raw <= 35) || (raw >= 65 && raw <= 68);
}

struct FrameHeader {
  FrameType type{};
  std::uint8_t reserved = 0;
  std::uint16_t reserved2 = 0;
  std::uint32_t stream = 0;
  std::uint32_t length = 0;
  auto fields() { return std::tie(type, reserved, reserved2, stream, length); }
};
inline constexpr std::size_t kFrameHeaderSize = 12;

// Sizes in characters and pixels, RFC 4254 §6.2.
struct TerminalSize {
  std::uint32_t columns = 80;
  std::uint32_t rows = 24;
  std::uint32_t width_pixels = 0;
  std::uint32_t height_pixels = 0;
  auto fields() { return std::tie(columns, rows, width_pixels, height_pixels); }
};

struct PtyRequest {
  BoundedString<limits::kMaxTerminalName> term;
  TerminalSize size;
  BoundedBytes<limits::kMaxTerminalModes> modes;  // encoded as RFC 4254 §8 says
  auto fields() { return std::tie(term, size, modes); }
};

struct OpenSession {
  std::optional<PtyRequest> pty;
  std::optional<BoundedString<limits::kMaxCommand>> command;  // none: the login shell
  BoundedList<EnvironmentEntry, limits::kMaxEnvironmentEntries> environment;  // by `env` requests
  auto fields() { return std::tie(pty, command, environment); }
};

struct WindowChange {
  TerminalSize size;
  auto fields() { return std::tie(size); }
};

// name: without "SIG", as RFC 4254 §6.9.
struct SignalRequest {
  BoundedString<32> name;
  auto fields() { return std::tie(name); }
};

struct Opened {
  std::uint32_t pid = 0;
  BoundedString<64> tty;  // empty without a pty
  auto fields() { return std::tie(pid, tty); }
};

struct OpenFailed {
  BoundedString<limits::kMaxUserMessage> message;
  auto fields() { return std::tie(message); }
};

struct Exited {
  std::uint32_t status = 0;  // exit code, if signal is empty
  BoundedString<32> signal;  // RFC 4254 §6.10 name of the signal that ended the program
  bool core_dumped = false;
  auto fields() { return std::tie(status, signal, core_dumped); }
};

struct WindowAdjust {
  std::uint32_t bytes = 0;
  auto fields() { return std::tie(bytes); }
};

}  // namespace ssh2incus
