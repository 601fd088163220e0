// SSH_MSG_USERAUTH_REQUEST (RFC 4252 §5, §7, §8, RFC 4256 and OpenSSH's host-bound variant) taken
// apart. Fed by anyone who can connect; what comes out is within the bounds of common/limits.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "common/bounded.h"
#include "common/limits.h"
#include "common/result.h"
#include "common/secret.h"

namespace ssh2incus {

struct PublicKeyAuth {
  BoundedString<limits::kMaxAlgorithmName> algorithm;
  BoundedBytes<limits::kMaxPublicKeyBlob> key_blob;
  std::optional<Bytes> host_key_blob;                                // host-bound only
  std::optional<BoundedBytes<limits::kMaxSignatureBlob>> signature;  // none: a query
};

struct PasswordAuth {
  bool change = false;  // RFC 4252 §8: the old and a new one, which isn't read
  BoundedSecret<limits::kMaxAnswer> password;
};

struct InteractiveAuth {
  bool by_pam = false;  // the client's hints allow our only submethod
};

using InteractiveAnswers =
    BoundedList<BoundedSecret<limits::kMaxAnswer>, limits::kMaxPromptsPerRound>;

struct AuthRequest {
  std::string user;
  std::string service;
  std::string method;
  // For their methods, unless out of bounds.
  std::optional<PublicKeyAuth> public_key;
  std::optional<PasswordAuth> password;
  std::optional<InteractiveAuth> interactive;
};

inline constexpr const char* kPublicKeyMethod = "publickey";
inline constexpr const char* kHostBoundMethod = "publickey-hostbound-v00@openssh.com";
inline constexpr const char* kPasswordMethod = "password";
inline constexpr const char* kInteractiveMethod = "keyboard-interactive";

// payload: the message from the user name on. An error: not what the RFC says; the connection ends.
Result<AuthRequest> parse_auth_request(std::span<const std::uint8_t> payload);

// payload: SSH_MSG_USERAUTH_INFO_RESPONSE from the number of responses on. None: out of bounds.
Result<std::optional<InteractiveAnswers>> parse_interactive_answers(
    std::span<const std::uint8_t> payload);

}  // namespace ssh2incus
