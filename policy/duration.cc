// A number and a unit. Fed by the administrator.
#include "policy/duration.h"

#include <array>
#include <charconv>
#include <utility>

#include "common/escape.h"

namespace ssh2incus {
namespace {

constexpr std::array<std::pair<char, unsigned>, 4> kUnits = {
    {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}};

}  // namespace

Result<std::chrono::seconds> parse_duration(std::string_view text) {
  const Error wrong = fail(quoted(text) + " is no duration like 90, 90s, 5m, 8h or 2d");
  std::string_view digits = text;
  unsigned factor = 1;
  for (const auto& [unit, seconds] : kUnits) {
    if (!digits.ends_with(unit)) continue;
    factor = seconds;
    digits.remove_suffix(1);
    break;
  }
  std::uint64_t count = 0;
  const char* end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, count);
  if (digits.empty() || error != std::errc() || stopped != end || count == 0) return wrong;
  const auto most = static_cast<std::uint64_t>(kMaxDuration.count());
  if (count > most / factor) return fail(quoted(text) + " is longer than a year");
  return std::chrono::seconds(count * factor);
}

std::string duration_text(std::chrono::seconds duration) {
  const auto count = static_cast<std::uint64_t>(duration.count());
  for (const auto& [unit, seconds] : kUnits) {
    if (count % seconds == 0 && count >= seconds) return std::to_string(count / seconds) + unit;
  }
  return std::to_string(count) + "s";
}

}  // namespace ssh2incus
