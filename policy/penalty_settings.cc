// Penalties by name. Fed by the administrator.
#include "policy/penalty_settings.h"

#include <array>
#include <charconv>
#include <optional>
#include <set>

#include "common/escape.h"

namespace ssh2incus {
namespace {

using Seconds = PenaltySettings::Seconds;

struct Row {
  std::string_view name;
  std::string_view other_name;  // sshd_config's, where it differs
  Seconds PenaltySettings::*value;
};
constexpr std::array<Row, 7> kRows = {{
    {"crash", "", &PenaltySettings::crash},
    {"authfail", "", &PenaltySettings::auth_fail},
    {"noauth", "", &PenaltySettings::no_auth},
    {"grace-exceeded", "", &PenaltySettings::grace_exceeded},
    {"invalid-user", "invaliduser", &PenaltySettings::invalid_user},
    {"min", "", &PenaltySettings::minimum},
    {"max", "", &PenaltySettings::maximum},
}};
constexpr unsigned kMostSeconds = 7 * 24 * 3600;

// The whole text.
std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

std::optional<Seconds> duration(std::string_view text) {
  unsigned unit = 1;
  if (!text.empty() && (text.back() < '0' || text.back() > '9')) {
    switch (text.back()) {
      case 's': unit = 1; break;
      case 'm': unit = 60; break;
      case 'h': unit = 3600; break;
      default: return std::nullopt;
    }
    text.remove_suffix(1);
  }
  const auto count = number(text);
  if (!count || *count > kMostSeconds / unit) return std::nullopt;
  return Seconds(*count * unit);
}

const Row* row_named(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name || (!row.other_name.empty() && row.other_name == name)) return &row;
  }
  return nullptr;
}

}  // namespace

Result<PenaltySettings> parse_penalty_settings(const std::vector<std::string>& texts) {
  PenaltySettings settings;
  std::set<std::string_view> seen;
  for (const std::string& text : texts) {
    const std::string shown = "'" + escaped(text) + "'";
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) return fail(shown + " isn't REASON:SECONDS");
    const Row* row = row_named(std::string_view(text).substr(0, colon));
    if (row == nullptr) return fail(shown + " names no reason for a penalty");
    if (!seen.insert(row->name).second) return fail(shown + " is there twice");
    const auto value = duration(std::string_view(text).substr(colon + 1));
    if (!value) return fail(shown + ": 0 to a week, in seconds or as 5s, 10m, 1h");
    settings.*row->value = *value;
  }
  if (settings.minimum > settings.maximum) return fail("min is more than max");
  return settings;
}

std::vector<std::string> penalty_settings_text(const PenaltySettings& settings) {
  std::vector<std::string> texts;
  for (const Row& row : kRows) {
    texts.push_back(std::string(row.name) + ":" + std::to_string((settings.*row.value).count()));
  }
  return texts;
}

Result<NetBlockSize> parse_net_block_size(std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto ipv4 = number(text.substr(0, colon));
  const auto ipv6 = colon == std::string_view::npos ? std::optional<unsigned>(64)
                                                    : number(text.substr(colon + 1));
  if (!ipv4 || !ipv6 || *ipv4 > 32 || *ipv6 > 128) {
    return fail("'" + escaped(text) + "' isn't IPV4BITS:IPV6BITS, at most 32:128");
  }
  return NetBlockSize{*ipv4, *ipv6};
}

}  // namespace ssh2incus
