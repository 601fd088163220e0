// Fed by the administrator's file; the messages say what is wanted instead.
#include "policy/access_values.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/escape.h"
#include "policy/access_rules.h"

namespace ssh2incus {
namespace {

constexpr std::string_view kNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-$@";
constexpr std::array<std::string_view, 7> kDayNames = {"mon", "tue", "wed", "thu",
                                                       "fri", "sat", "sun"};

bool consists_of(std::string_view text, std::string_view characters, std::string_view more) {
  return std::ranges::all_of(text, [&](char c) {
    return characters.find(c) != std::string_view::npos || more.find(c) != std::string_view::npos;
  });
}

bool is_digits(std::string_view text) {
  return !text.empty() && consists_of(text, "0123456789", "");
}

std::string why_not_placeholders(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') continue;
    const char kind = ++i < text.size() ? text[i] : '\0';
    if (kind != 'u' && kind != 'U' && kind != '%')
      return quoted(text) + ": only %u, %U and %% are known here";
  }
  return {};
}

std::string why_not_fingerprint(std::string_view text) {
  constexpr std::string_view kPrefix = "SHA256:";
  constexpr std::size_t kDigits = 43;  // base64 of 32 bytes, without padding
  const bool fits = text.starts_with(kPrefix) && text.size() == kPrefix.size() + kDigits &&
                    consists_of(text.substr(kPrefix.size()), kNameCharacters.substr(0, 62), "+/");
  return fits ? "" : quoted(text) + " is no fingerprint as ssh-keygen -l shows it (SHA256:...)";
}

std::string why_not_pattern(std::string_view text, PatternKind kind) {
  const std::string odd = quoted(text) + " has characters that no such name has";
  switch (kind) {
    case PatternKind::kUser:
      if (text.starts_with('#')) {
        return is_digits(text.substr(1)) ? "" : quoted(text) + " is no user id like \"#1000\"";
      }
      return consists_of(text, kNameCharacters, "*?") ? "" : odd;
    case PatternKind::kName: return consists_of(text, kNameCharacters, "*?") ? "" : odd;
    case PatternKind::kTargetName:
      if (!consists_of(text, kNameCharacters, "*?%")) return odd;
      return why_not_placeholders(text);
    case PatternKind::kFingerprint: return why_not_fingerprint(text);
    case PatternKind::kText: return {};
  }
  return odd;
}

// "A-B" as two parts, or the whole twice.
std::pair<std::string_view, std::string_view> range_parts(std::string_view text) {
  const std::size_t hyphen = text.find('-');
  if (hyphen == std::string_view::npos) return {text, text};
  return {text.substr(0, hyphen), text.substr(hyphen + 1)};
}

std::optional<unsigned> day_number(std::string_view name) {
  const auto found = std::ranges::find(kDayNames, name);
  if (found == kDayNames.end()) return std::nullopt;
  return static_cast<unsigned>(found - kDayNames.begin());
}

// "HH:MM" in minutes.
std::optional<int> minute_of_day(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  if (!is_digits(text.substr(0, 2)) || !is_digits(text.substr(3))) return std::nullopt;
  const int hours = (text[0] - '0') * 10 + (text[1] - '0');
  const int minutes = (text[3] - '0') * 10 + (text[4] - '0');
  if (hours > 24 || minutes > 59 || (hours == 24 && minutes != 0)) return std::nullopt;
  return hours * 60 + minutes;
}

}  // namespace

Result<PatternList::Pattern> parse_access_pattern(std::string_view text, PatternKind kind) {
  PatternList::Pattern pattern;
  pattern.negated = text.starts_with('!');
  if (pattern.negated) text.remove_prefix(1);
  if (text.empty()) return fail("a pattern is empty");
  if (text.size() > kMaxAccessPattern) return fail("a pattern is too long");
  if (std::ranges::any_of(text, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }))
    return fail("a pattern has control characters");
  if (auto reason = why_not_pattern(text, kind); !reason.empty()) return fail(reason);
  pattern.text = text;
  return pattern;
}

Result<SourceNetwork> parse_access_source(std::string_view text) {
  const bool negated = text.starts_with('!');
  return SourceNetwork{TRY(IpNetwork::parse(text.substr(negated ? 1 : 0))), negated};
}

Result<std::uint8_t> parse_access_days(std::string_view text) {
  const auto [first_name, last_name] = range_parts(text);
  const auto first = day_number(first_name);
  const auto last = day_number(last_name);
  if (!first || !last) return fail(quoted(text) + " is no day: mon, tue, ..., sun, or mon-fri");
  unsigned days = 0;
  for (unsigned day = *first;; day = (day + 1) % 7) {
    days |= 1U << day;
    if (day == *last) return static_cast<std::uint8_t>(days);
  }
}

Result<HourRange> parse_access_hours(std::string_view text) {
  const auto [from_text, to_text] = range_parts(text);
  const auto from = minute_of_day(from_text);
  const auto to = minute_of_day(to_text);
  if (!from || !to || *from == *to || *from == 24 * 60)
    return fail(quoted(text) + " is no interval like \"08:00-18:00\"");
  return HourRange{*from, *to};
}

Result<PortRange> parse_access_ports(std::string_view text) {
  const auto [first_text, last_text] = range_parts(text);
  const auto first = parse_access_number(first_text, 65535);
  const auto last = parse_access_number(last_text, 65535);
  if (!first.ok() || !last.ok() || *first == 0 || *first > *last)
    return fail(quoted(text) + " is no port and no range of ports like 8000-8010");
  return PortRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

Result<std::string> parse_access_forward(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const std::string wrong = quoted(text) + " isn't HOST:PORT, either of them perhaps \"*\"";
  if (colon == std::string_view::npos || colon == 0 || text.size() > kMaxAccessPattern)
    return fail(wrong);
  const std::string_view port = text.substr(colon + 1);
  if (port != "*") {
    const auto number = parse_access_number(port, 65535);
    if (!number.ok() || *number == 0) return fail(wrong);
  }
  if (!consists_of(text.substr(0, colon), kNameCharacters, "*?:[]")) return fail(wrong);
  return std::string(text);
}

Result<bool> parse_access_bool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return fail(quoted(text) + " isn't true or false");
}

Result<std::uint32_t> parse_access_number(std::string_view text, std::uint32_t most) {
  std::uint32_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (!is_digits(text) || error != std::errc() || stopped != end || number > most)
    return fail(quoted(text) + " is no number from 0 to " + std::to_string(most));
  return number;
}

}  // namespace ssh2incus
