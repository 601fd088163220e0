// Parses authentication requests; see auth_request.h. No I/O, no state.
#include "sessiond/auth_request.h"

#include "sessiond/packet_reader.h"

namespace ssh2incus {
namespace {

Bytes copied(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

Result<std::optional<PublicKeyAuth>> parse_public_key(PacketReader& reader, bool host_bound) {
  const auto has_signature = reader.boolean();
  const auto algorithm = reader.text();
  const auto key_blob = reader.bytes();
  if (!has_signature || !algorithm || !key_blob) return fail("malformed publickey request");
  PublicKeyAuth parsed;
  if (host_bound) {
    const auto host_key = reader.bytes();
    if (!host_key) return fail("malformed publickey request");
    parsed.host_key_blob = copied(*host_key);
  }
  std::span<const std::uint8_t> signature;
  if (*has_signature) {
    const auto read = reader.bytes();
    if (!read) return fail("malformed publickey request");
    signature = *read;
  }
  if (!reader.at_end()) return fail("trailing bytes after a publickey request");
  if (algorithm->size() > limits::kMaxAlgorithmName ||
      key_blob->size() > limits::kMaxPublicKeyBlob ||
      signature.size() > limits::kMaxSignatureBlob) {
    return std::optional<PublicKeyAuth>();
  }
  parsed.algorithm = std::string(*algorithm);
  parsed.key_blob = copied(*key_blob);
  if (*has_signature) parsed.signature = copied(signature);
  return std::optional<PublicKeyAuth>(std::move(parsed));
}

}  // namespace

Result<AuthRequest> parse_auth_request(std::span<const std::uint8_t> payload) {
  PacketReader reader(payload);
  const auto user = reader.text();
  const auto service = reader.text();
  const auto method = reader.text();
  if (!user || !service || !method) return fail("malformed authentication request");
  AuthRequest request{std::string(*user), std::string(*service), std::string(*method), {}};
  if (request.method == kPublicKeyMethod || request.method == kHostBoundMethod) {
    request.public_key = TRY(parse_public_key(reader, request.method == kHostBoundMethod));
  }
  return request;
}

}  // namespace ssh2incus
