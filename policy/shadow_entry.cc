// Lines of shadow(5). Instances write them.
#include "policy/shadow_entry.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace ssh2incus {
namespace {

constexpr std::size_t kFields = 9;
constexpr std::size_t kMaxHash = 384;  // libxcrypt's CRYPT_OUTPUT_SIZE
constexpr std::int64_t kSecondsOfDay = 86'400;

using Fields = std::array<std::string_view, kFields>;

std::optional<Fields> split(std::string_view line) {
  Fields fields;
  for (std::size_t i = 0; i < kFields; ++i) {
    const std::size_t colon = line.find(':');
    const bool last = i + 1 == kFields;
    if (last != (colon == std::string_view::npos)) return std::nullopt;
    fields[i] = line.substr(0, colon);
    if (!last) line.remove_prefix(colon + 1);
  }
  return fields;
}

// False: no number of days. Negative ones are written by some tools and mean "none".
bool read_days(std::string_view text, std::optional<std::uint32_t>& days) {
  days.reset();
  if (text.empty() || text == "-1") return true;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  days = number;
  return true;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

Result<ShadowEntry> entry_of(std::string_view line) {
  const auto fields = split(line);
  if (!fields) return fail("its line hasn't nine fields");
  ShadowEntry entry;
  entry.hash = std::string((*fields)[1].substr(0, kMaxHash));
  if ((*fields)[1].size() >= kMaxHash || !is_printable(entry.hash)) return fail("no proper hash");
  std::optional<std::uint32_t> ignored;
  if (!read_days((*fields)[2], entry.last_change) || !read_days((*fields)[3], ignored) ||
      !read_days((*fields)[4], entry.maximum_age) || !read_days((*fields)[5], ignored) ||
      !read_days((*fields)[6], entry.inactivity) || !read_days((*fields)[7], entry.expiry)) {
    return fail("a field isn't a number of days");
  }
  return entry;
}

// Days since the last change; none if it isn't known, or lies in the future.
std::optional<std::int64_t> age_of(const ShadowEntry& entry, std::int64_t today) {
  if (!entry.last_change || today < std::int64_t{*entry.last_change}) return std::nullopt;
  return today - std::int64_t{*entry.last_change};
}

}  // namespace

Result<std::optional<ShadowEntry>> find_shadow_entry(std::string_view shadow,
                                                     std::string_view name) {
  while (!shadow.empty() && !name.empty()) {
    const std::size_t end = shadow.find('\n');
    const std::string_view line = shadow.substr(0, end);
    if (line.substr(0, line.find(':')) == name && line.size() > name.size()) {
      return std::optional<ShadowEntry>(TRY(entry_of(line)));
    }
    shadow = end == std::string_view::npos ? std::string_view() : shadow.substr(end + 1);
  }
  return std::optional<ShadowEntry>();
}

Status check_account_age(const ShadowEntry& entry, std::int64_t now_unix) {
  const std::int64_t today = now_unix / kSecondsOfDay;
  if (entry.expiry && today >= std::int64_t{*entry.expiry}) return fail("the account has expired");
  const auto age = age_of(entry, today);
  if (age && entry.maximum_age && entry.inactivity &&
      *age > std::int64_t{*entry.maximum_age} + std::int64_t{*entry.inactivity}) {
    return fail("the account's password expired too long ago");
  }
  return {};
}

Status check_password_age(const ShadowEntry& entry, std::int64_t now_unix) {
  if (entry.hash.empty()) return fail("the account has an empty password");
  if (entry.hash.front() == '!' || entry.hash.front() == '*') {
    return fail("the account's password is locked");
  }
  TRY(check_account_age(entry, now_unix));
  if (entry.last_change && *entry.last_change == 0) {
    return fail("the account's password must be changed first");
  }
  const auto age = age_of(entry, now_unix / kSecondsOfDay);
  if (age && entry.maximum_age && *age > std::int64_t{*entry.maximum_age}) {
    return fail("the account's password has expired");
  }
  return {};
}

}  // namespace ssh2incus
