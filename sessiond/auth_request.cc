// Parses authentication requests; see auth_request.h. No I/O, no state.
#include "sessiond/auth_request.h"

#include <algorithm>
#include <vector>

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

Result<std::optional<PasswordAuth>> parse_password(PacketReader& reader) {
  const auto change = reader.boolean();
  const auto password = reader.bytes();
  if (!change || !password) return fail("malformed password request");
  if (*change && !reader.bytes()) return fail("malformed password request");
  if (!reader.at_end()) return fail("trailing bytes after a password request");
  if (password->size() > limits::kMaxAnswer) return std::optional<PasswordAuth>();
  PasswordAuth parsed;
  parsed.change = *change;
  if (!*change) parsed.password = BoundedSecret<limits::kMaxAnswer>(Secret::copy_of(*password));
  return std::optional<PasswordAuth>(std::move(parsed));
}

Result<InteractiveAuth> parse_interactive(PacketReader& reader) {
  const auto language = reader.text();
  auto hints = reader.text();
  if (!language || !hints || !reader.at_end()) {
    return fail("malformed keyboard-interactive request");
  }
  InteractiveAuth parsed;
  parsed.by_pam = hints->empty();
  while (!hints->empty()) {
    const std::size_t end = std::min(hints->find(','), hints->size());
    parsed.by_pam = parsed.by_pam || hints->substr(0, end) == "pam";
    hints->remove_prefix(std::min(end + 1, hints->size()));
  }
  return parsed;
}

}  // namespace

Result<AuthRequest> parse_auth_request(std::span<const std::uint8_t> payload) {
  PacketReader reader(payload);
  const auto user = reader.text();
  const auto service = reader.text();
  const auto method = reader.text();
  if (!user || !service || !method) return fail("malformed authentication request");
  AuthRequest request{std::string(*user), std::string(*service), std::string(*method), {}, {}, {}};
  if (request.method == kPublicKeyMethod || request.method == kHostBoundMethod) {
    request.public_key = TRY(parse_public_key(reader, request.method == kHostBoundMethod));
  }
  if (request.method == kPasswordMethod) request.password = TRY(parse_password(reader));
  if (request.method == kInteractiveMethod) request.interactive = TRY(parse_interactive(reader));
  return request;
}

Result<std::optional<InteractiveAnswers>> parse_interactive_answers(
    std::span<const std::uint8_t> payload) {
  PacketReader reader(payload);
  const auto count = reader.number();
  if (!count) return fail("malformed answers");
  if (*count > limits::kMaxPromptsPerRound) return std::optional<InteractiveAnswers>();
  std::vector<BoundedSecret<limits::kMaxAnswer>> answers;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto answer = reader.bytes();
    if (!answer) return fail("malformed answers");
    if (answer->size() > limits::kMaxAnswer) return std::optional<InteractiveAnswers>();
    answers.emplace_back(Secret::copy_of(*answer));
  }
  if (!reader.at_end()) return fail("trailing bytes after answers");
  return std::optional<InteractiveAnswers>(std::move(answers));
}

}  // namespace ssh2incus
