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
// Streams that sessiond opens are numbered from 1; those that the guest opens (accepted
// connections), from kFirstAcceptedStream. Numbers are never reused in a connection. Flow control
// is by credit, as in RFC 4254 §5.2: each side may send kGuestWindow payload bytes of data per
// stream and direction (kData and kExtendedData together) and more after a WindowAdjust.
//
// Life of a session stream: OpenSession → Opened | OpenFailed. Then data both ways; kEof from
// sessiond closes the program's stdin; kEof from the guest says that stdout and stderr are both at
// their end; Exited says how the leader ended (it may come before the last data when background
// children still hold the output, as with OpenSSH). The stream is over when sessiond has sent
// kClose (the guest then sends HUP to what is left of the process group, and stops reading its
// output), or the guest has sent both kEof and Exited. Anything after that for the stream is
// ignored. When stdin of the guest ends, it sends HUP to every session and exits.
//
// Life of a connection stream: OpenConnection → Opened | OpenFailed, or Accepted from the guest.
// An accepted connection has no credit to send until sessiond gives some, which says that the
// client has taken it. Then data both ways; kEof of either side ends its direction only. The guest
// says kClosed when the connection is gone, after the last data; sessiond says kClose to give it
// up. Either ends the stream.
//
// Life of a listener stream: OpenListener → Listening | OpenFailed. Then Accepted, each on a stream
// of its own, until sessiond says kClose. A listener carries no data.
//
// kPing, on stream 0, is answered by kPong on stream 0.
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

inline constexpr std::uint16_t kGuestProtocolVersion = 2;
inline constexpr std::uint32_t kFirstAcceptedStream = 0x80000000;

struct EnvironmentEntry {
  BoundedString<limits::kMaxEnvironmentName> name;
  BoundedString<limits::kMaxEnvironmentValue> value;
  auto fields() { return std::tie(name, value); }
  friend bool operator==(const EnvironmentEntry&, const EnvironmentEntry&) = default;
};

// "host:port" as in PermitOpen of sshd_config(5); a path of a unix socket stands alone.
using ForwardPattern = BoundedString<1100>;
using ForwardPatterns = BoundedList<ForwardPattern, 1024>;

// Addresses that nobody may be connected to, whatever name led there. IPv4 addresses have 4 bytes,
// IPv6 addresses 16.
struct DeniedNetwork {
  BoundedBytes<16> address;
  std::uint8_t prefix_bits = 0;
  std::uint16_t port = 0;  // 0: every port
  auto fields() { return std::tie(address, prefix_bits, port); }
  friend bool operator==(const DeniedNetwork&, const DeniedNetwork&) = default;
};

struct GrantedPorts {
  std::uint16_t first = 1;
  std::uint16_t last = 65535;
  auto fields() { return std::tie(first, last); }
  friend bool operator==(const GrantedPorts&, const GrantedPorts&) = default;
};

// Which addresses a listener may have; GatewayPorts of sshd_config(5).
enum class GatewayPorts : std::uint8_t { kNo = 1, kYes, kClientSpecified };
constexpr bool is_valid(GatewayPorts rule) {
  const auto raw = static_cast<std::uint8_t>(rule);
  return raw >= 1 && raw <= 3;
}

// What the guest may forward; all of it must agree.
struct ForwardGrant {
  bool local = false;
  ForwardPatterns permit_open;             // of the key; empty: any
  ForwardPatterns local_to;                // of the access policy; empty: any
  BoundedList<DeniedNetwork, 256> denied;  // TCP
  bool incus_sockets = false;              // may be connected to
  bool remote = false;
  ForwardPatterns permit_listen;                // of the key; empty: any
  BoundedList<GrantedPorts, 256> remote_ports;  // of the access policy; empty: any
  GatewayPorts gateway_ports = GatewayPorts::kNo;
  bool agent = false;
  bool x11 = false;
  std::uint32_t max_connections = limits::kMaxForwardedConnections;
  std::uint32_t max_listeners = limits::kMaxListeners;
  auto fields() {
    return std::tie(local, permit_open, local_to, denied, incus_sockets, remote, permit_listen,
                    remote_ports, gateway_ports, agent, x11, max_connections, max_listeners);
  }
};

// How a shell is started: as sshd does, by login(1), by `su -`, or by `su` with /bin/sh.
enum class ShellMode : std::uint8_t { kUserShell = 1, kLogin, kSu, kSush };
constexpr bool is_valid(ShellMode mode) {
  const auto raw = static_cast<std::uint8_t>(mode);
  return raw >= 1 && raw <= 4;
}

// What keeps a shell on a terminal alive without its connection.
enum class SessionKeeper : std::uint8_t { kNone = 1, kTmux, kScreen, kBuiltin };
constexpr bool is_valid(SessionKeeper keeper) {
  const auto raw = static_cast<std::uint8_t>(keeper);
  return raw >= 1 && raw <= 4;
}

// What this connection may do inside the instance. Written by the monitor, enforced by the guest.
struct GuestGrant {
  std::uint16_t version = kGuestProtocolVersion;
  BoundedString<limits::kMaxUserName> user;
  bool allow_pty = true;
  bool allow_shell = true;  // the login shell
  bool allow_exec = true;   // commands; a forced command needs either of the two
  bool allow_sftp = true;
  bool confine_sftp = false;  // to the user's home, unless that is root's
  std::optional<BoundedString<limits::kMaxCommand>> forced_command;
  BoundedList<EnvironmentEntry, limits::kMaxEnvironmentEntries> environment;  // always set
  // Patterns (see common/environment_rule.h) of names that the client may set.
  BoundedList<BoundedString<limits::kMaxEnvironmentName>, 64> accepted_environment;
  std::uint32_t max_sessions = limits::kMaxSessionsPerConnection;
  ForwardGrant forward;
  ShellMode shell_mode = ShellMode::kUserShell;
  SessionKeeper keeper = SessionKeeper::kNone;
  bool may_install_keeper = false;  // with the instance's package manager
  auto fields() {
    return std::tie(version, user, allow_pty, allow_shell, allow_exec, allow_sftp, confine_sftp,
                    forced_command, environment, accepted_environment, max_sessions, forward,
                    shell_mode, keeper, may_install_keeper);
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
  kOpenConnection,
  kOpenListener,
  kPing,
  // guest to sessiond
  kOpened = 33,
  kOpenFailed,
  kExited,
  kListening,
  kAccepted,
  kClosed,
  kPong,
  // both
  kData = 65,
  kExtendedData,  // stderr; guest to sessiond only
  kEof,
  kWindowAdjust,
};
constexpr bool is_valid(FrameType type) {
  const auto raw = static_cast<std::uint8_t>(type);
  return (raw >= 1 && raw <= 7) || (raw >= 33 && raw <= 39) || (raw >= 65 && raw <= 68);
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

// An x11-req (RFC 4254 §6.3.1); connections to the display are Accepted for the session's stream.
struct X11Request {
  bool single_connection = false;
  BoundedString<64> protocol;
  BoundedString<256> cookie;  // in hexadecimal; the client's made-up one
  std::uint32_t screen = 0;
  auto fields() { return std::tie(single_connection, protocol, cookie, screen); }
};

struct OpenSession {
  std::optional<PtyRequest> pty;
  std::optional<BoundedString<limits::kMaxCommand>> command;  // none: the login shell
  bool sftp = false;                                          // the subsystem instead
  // Connections to the agent's socket are Accepted for the session's stream.
  bool agent = false;
  std::optional<X11Request> x11;
  BoundedList<EnvironmentEntry, limits::kMaxEnvironmentEntries> environment;  // by `env` requests
  auto fields() { return std::tie(pty, command, sftp, agent, x11, environment); }
};

// To a host and port as seen from inside the instance (RFC 4254 §7.2), or to a unix socket
// (OpenSSH's direct-streamlocal@openssh.com) if path isn't empty. An empty host: the instance
// itself.
struct OpenConnection {
  BoundedString<limits::kMaxForwardHost> host;
  std::uint16_t port = 0;
  BoundedString<limits::kMaxSocketPath> path;
  auto fields() { return std::tie(host, port, path); }
};

// As OpenConnection, for a tcpip-forward (RFC 4254 §7.1) or a streamlocal-forward@openssh.com.
// Port 0: any free one.
struct OpenListener {
  BoundedString<limits::kMaxForwardHost> host;
  std::uint16_t port = 0;
  BoundedString<limits::kMaxSocketPath> path;
  auto fields() { return std::tie(host, port, path); }
};

struct Listening {
  std::uint16_t port = 0;  // 0: a unix socket
  auto fields() { return std::tie(port); }
};

enum class AcceptedKind : std::uint8_t { kForwarded = 1, kAgent, kX11 };
constexpr bool is_valid(AcceptedKind kind) {
  const auto raw = static_cast<std::uint8_t>(kind);
  return raw >= 1 && raw <= 3;
}

// On a stream of its own. listener: the listener's stream, or the session's whose agent or display
// was connected to.
struct Accepted {
  AcceptedKind kind{};
  std::uint32_t listener = 0;
  BoundedString<64> originator_address;  // empty: a unix socket
  std::uint16_t originator_port = 0;
  auto fields() { return std::tie(kind, listener, originator_address, originator_port); }
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

// RFC 4254 §5.1.
enum class OpenFailure : std::uint8_t {
  kProhibited = 1,
  kConnectFailed,
  kUnknownChannelType,
  kResourceShortage,
};
constexpr bool is_valid(OpenFailure reason) {
  const auto raw = static_cast<std::uint8_t>(reason);
  return raw >= 1 && raw <= 4;
}

struct OpenFailed {
  BoundedString<limits::kMaxUserMessage> message;
  OpenFailure reason = OpenFailure::kProhibited;
  auto fields() { return std::tie(message, reason); }
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
