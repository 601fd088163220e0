// One line of an authorized_keys file, as sshd(8) describes the format, and what a key may do under
// given circumstances. Fed by files that users write; a line that isn't understood completely is
// an error, so that no restriction is ever overlooked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "common/bounded.h"
#include "common/guest_protocol.h"
#include "common/ipc_codec.h"
#include "common/limits.h"
#include "common/result.h"

namespace ssh2incus {

using KeyOptionText = BoundedString<limits::kMaxAuthorizedKeysLine>;
using ForwardingRule = BoundedString<1100>;  // "host:port"
using ForwardingRules = BoundedList<ForwardingRule, 1024>;

// The options of a line; the defaults are those of a line without options.
struct KeyOptions {
  bool cert_authority = false;
  bool pty = true;
  bool port_forwarding = true;
  bool agent_forwarding = true;
  bool x11_forwarding = true;
  bool user_rc = true;
  bool require_touch = true;
  bool require_verify = false;
  std::optional<KeyOptionText> command;
  std::optional<KeyOptionText> from;
  std::optional<KeyOptionText> principals;
  std::optional<std::uint64_t> expires_utc;    // seconds since 1970 UTC
  std::optional<std::uint64_t> expires_local;  // the same count on the local clock
  BoundedList<EnvironmentEntry, limits::kMaxEnvironmentEntries> environment;
  ForwardingRules permit_open;
  ForwardingRules permit_listen;
  auto fields() {
    return std::tie(cert_authority, pty, port_forwarding, agent_forwarding, x11_forwarding, user_rc,
                    require_touch, require_verify, command, from, principals, expires_utc,
                    expires_local, environment, permit_open, permit_listen);
  }
  friend bool operator==(const KeyOptions&, const KeyOptions&) = default;
};

struct AuthorizedKey {
  BoundedString<limits::kMaxAlgorithmName> type;  // "ssh-ed25519", ...
  BoundedBytes<limits::kMaxPublicKeyBlob> blob;   // well-formed, and of that type
  BoundedString<1024> comment;
  KeyOptions options;
  auto fields() { return std::tie(type, blob, comment, options); }
  friend bool operator==(const AuthorizedKey&, const AuthorizedKey&) = default;
};

// Nothing for a blank line or a comment. A line feed at the end is ignored.
Result<std::optional<AuthorizedKey>> parse_authorized_keys_line(std::string_view line);

struct Circumstances {
  std::string source_address;  // of the client, as text
  std::int64_t now_unix = 0;
  std::int32_t utc_offset_seconds = 0;             // of the local clock, east of Greenwich positive
  std::vector<std::string> permitted_environment;  // patterns: PermitUserEnvironment; none: no
};

// What a login with the key may do.
struct KeyGrant {
  bool pty = true;
  bool agent_forwarding = true;
  bool port_forwarding = true;
  bool x11_forwarding = true;
  bool user_rc = true;
  bool require_touch = true;  // security keys: see security_key_flags_accepted()
  bool require_verify = false;
  std::optional<KeyOptionText> forced_command;
  BoundedList<EnvironmentEntry, limits::kMaxEnvironmentEntries> environment;
  ForwardingRules permit_open;    // empty: anything, if port_forwarding
  ForwardingRules permit_listen;  // the same
  auto fields() {
    return std::tie(pty, agent_forwarding, port_forwarding, x11_forwarding, user_rc, require_touch,
                    require_verify, forced_command, environment, permit_open, permit_listen);
  }
  friend bool operator==(const KeyGrant&, const KeyGrant&) = default;
};

// For a line whose key was offered itself. The error says why the key can't be used now; it's for
// the log, not for the client.
Result<KeyGrant> evaluate_key(const KeyOptions& options, const Circumstances& circumstances);
// For a line whose key has signed the certificate that was offered. Its principals= is the caller's
// to check.
Result<KeyGrant> evaluate_authority(const KeyOptions& options, const Circumstances& circumstances);

}  // namespace ssh2incus
