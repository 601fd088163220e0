// SSH_MSG_USERAUTH_REQUEST (RFC 4252 §5, §7 and OpenSSH's host-bound variant) taken apart. Fed by
// anyone who can connect; what comes out is within the bounds of common/limits.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "common/bounded.h"
#include "common/limits.h"
#include "common/result.h"

namespace ssh2incus {

struct PublicKeyAuth {
  BoundedString<limits::kMaxAlgorithmName> algorithm;
  BoundedBytes<limits::kMaxPublicKeyBlob> key_blob;
  std::optional<Bytes> host_key_blob;                                // host-bound only
  std::optional<BoundedBytes<limits::kMaxSignatureBlob>> signature;  // none: a query
};

struct AuthRequest {
  std::string user;
  std::string service;
  std::string method;
  std::optional<PublicKeyAuth> public_key;  // for the publickey methods, unless out of bounds
};

inline constexpr const char* kPublicKeyMethod = "publickey";
inline constexpr const char* kHostBoundMethod = "publickey-hostbound-v00@openssh.com";

// payload: the message from the user name on. An error: not what the RFC says; the connection ends.
Result<AuthRequest> parse_auth_request(std::span<const std::uint8_t> payload);

}  // namespace ssh2incus
