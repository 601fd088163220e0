// Text of authorized_keys files, from users of instances.
#include "policy/authorized_keys_search.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxReasons = 16;
// Lines that have nothing to do with the key must not crowd out those that have.
constexpr std::size_t kMaxMalformed = 8;

}  // namespace

void AuthorizedKeysSearch::add_reason(const std::string& where, const std::string& reason) {
  if (reasons_.size() < kMaxReasons) reasons_.push_back(where + ": " + reason);
}

void AuthorizedKeysSearch::search_line(std::string_view line, const std::string& file,
                                       std::uint32_t number) {
  const std::string where = file + ":" + std::to_string(number);
  const auto key = parse_authorized_keys_line(line);
  if (!key.ok()) {
    if (malformed_++ < kMaxMalformed) add_reason(where, key.error().message);
    return;
  }
  if (!*key || *(*key)->blob != key_blob_) return;
  auto grant = evaluate_key((*key)->options, circumstances_);
  if (!grant.ok()) {
    add_reason(where, grant.error().message);
    return;
  }
  found_ = Found{std::move(grant).value(), file, number};
}

void AuthorizedKeysSearch::search(std::string_view text, const std::string& file) {
  for (std::uint32_t number = 1; !text.empty() && !found_; ++number) {
    const std::size_t end = text.find('\n');
    search_line(text.substr(0, end), file, number);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
}

}  // namespace ssh2incus
