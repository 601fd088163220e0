// Reading lines and remembering why not. Users and administrators write the files.
#include "monitor/key_search.h"

#include "common/limits.h"
#include "monitor/strict_modes.h"

namespace ssh2incus {
namespace {

// Lines that have nothing to do with the key must not crowd out those that have.
constexpr std::size_t kMaxMalformedReasons = 8;

Circumstances circumstances_of(const KeysRequest& request) {
  Circumstances out;
  out.source_address = *request.source_address;
  out.now_unix = static_cast<std::int64_t>(request.now_unix);
  out.utc_offset_seconds = static_cast<std::int32_t>(request.utc_offset_seconds);
  for (const auto& pattern : request.permitted_environment) {
    out.permitted_environment.push_back(*pattern);
  }
  return out;
}

}  // namespace

KeySearch::KeySearch(const HostUserRecord& user, const KeysRequest& request)
    : user_(user), request_(request), circumstances_(circumstances_of(request)) {
  if (!request.certificate) return;
  for (const auto& principal : request.certificate->principals) principals_.push_back(*principal);
}

void KeySearch::add_reason(const std::string& where, const std::string& reason) {
  if (reasons_.size() < kMaxKeyReasons) {
    reasons_.push_back(truncated<kMaxKeyReason>(where + ": " + reason));
  }
}

void KeySearch::refuse(const std::string& where, const std::string& reason) {
  add_reason(where, reason);
  refusal_ = reason;
}

void KeySearch::add_malformed(const std::string& where, const std::string& reason) {
  if (malformed_++ < kMaxMalformedReasons) add_reason(where, reason);
}

KeysReply KeySearch::reply() && {
  KeysReply reply;
  reply.accepted = std::move(accepted_);
  reply.not_revoked = not_revoked_;
  if (!reply.accepted) reply.refusal = truncated<kMaxKeyReason>(refusal_);
  reply.reasons = std::move(reasons_);
  return reply;
}

void KeySearch::for_each_line(std::string_view content, const std::string& file,
                              const Visit& visit) {
  for (std::uint32_t number = 1; !content.empty() && !accepted_; ++number) {
    const std::size_t end = content.find('\n');
    const std::string_view line = content.substr(0, end);
    const std::string where = file + ":" + std::to_string(number);
    if (line.size() > limits::kMaxAuthorizedKeysLine) {
      add_malformed(where, "line is too long");
    } else {
      visit(line, where, number);
    }
    content = end == std::string_view::npos ? std::string_view() : content.substr(end + 1);
  }
}

std::optional<KeySearch::UserFile> KeySearch::read_user_file(const std::string& pattern) {
  UserFile result{expanded(pattern, user_.home, user_.name), {}};
  const bool in_home = pattern.starts_with("%h");
  if (result.path.size() > limits::kMaxPath) {
    add_reason(pattern, "path is too long");
    return std::nullopt;
  }
  auto file = open_trusted_file({result.path, user_.uid, in_home ? user_.home : std::string()});
  if (!file.ok()) add_reason(result.path, file.error().message);
  if (!file.ok() || !*file) return std::nullopt;
  auto content = read_bounded(**file, limits::kMaxAuthorizedKeysFile);
  if (!content.ok()) {
    add_reason(result.path, content.error().message);
    return std::nullopt;
  }
  result.content = std::move(*content);
  return result;
}

}  // namespace ssh2incus
