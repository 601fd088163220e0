// What a client signs, and what it sends as signature.
#include "policy/signature_subject.h"

#include "policy/public_key_algorithms.h"
#include "policy/ssh_wire.h"

namespace ssh2incus {
namespace {

constexpr std::uint8_t kUserauthRequest = 50;  // SSH_MSG_USERAUTH_REQUEST

}  // namespace

Bytes public_key_signed_data(std::span<const std::uint8_t> session_id, std::string_view login,
                             std::string_view algorithm, std::span<const std::uint8_t> key_blob,
                             std::optional<std::span<const std::uint8_t>> host_key_blob) {
  Bytes out;
  append_wire_string(out, session_id);
  out.push_back(kUserauthRequest);
  append_wire_string(out, login);
  append_wire_string(out, std::string_view("ssh-connection"));
  append_wire_string(out, host_key_blob ? std::string_view("publickey-hostbound-v00@openssh.com")
                                        : std::string_view("publickey"));
  out.push_back(1);  // TRUE: with a signature
  append_wire_string(out, algorithm);
  append_wire_string(out, key_blob);
  if (host_key_blob) append_wire_string(out, *host_key_blob);
  return out;
}

Bytes host_key_proof_data(std::span<const std::uint8_t> session_id,
                          std::span<const std::uint8_t> host_key_blob) {
  Bytes out;
  append_wire_string(out, std::string_view("hostkeys-prove-00@openssh.com"));
  append_wire_string(out, session_id);
  append_wire_string(out, host_key_blob);
  return out;
}

Result<SignatureParts> parse_signature(std::string_view algorithm,
                                       std::span<const std::uint8_t> signature) {
  WireReader reader(signature);
  const auto name = reader.string();
  const auto blob = reader.string();
  if (!name || !blob) return fail("malformed signature");
  if (as_text(*name) != algorithm) return fail("signature by another algorithm than requested");
  SignatureParts parts{std::string(algorithm), Bytes(blob->begin(), blob->end())};
  const auto type = key_type_from_name(algorithm);
  if (type && is_security_key(*type)) {
    const auto flags = reader.byte();
    const auto counter = reader.number();
    if (!flags || !counter) return fail("malformed signature of a security key");
    parts.flags = *flags;
    parts.counter = *counter;
  }
  if (!reader.at_end()) return fail("trailing bytes after the signature");
  return parts;
}

}  // namespace ssh2incus
