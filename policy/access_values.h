// Single values of access.yaml: text in, checked value out. Used by policy/access_rules.cc only.
#pragma once

#include <string_view>

#include "common/result.h"
#include "policy/access_policy.h"

namespace ssh2incus {

// What the patterns of a key are compared with, which is what they may consist of.
enum class PatternKind : std::uint8_t { kUser, kName, kTargetName, kFingerprint, kText };

Result<PatternList::Pattern> parse_access_pattern(std::string_view text, PatternKind kind);
Result<SourceNetwork> parse_access_source(std::string_view text);
// "mon", "mon-fri", "sat-mon"; a bit per day.
Result<std::uint8_t> parse_access_days(std::string_view text);
Result<HourRange> parse_access_hours(std::string_view text);
Result<PortRange> parse_access_ports(std::string_view text);
// "HOST:PORT", both may be patterns.
Result<std::string> parse_access_forward(std::string_view text);
Result<bool> parse_access_bool(std::string_view text);
Result<std::uint32_t> parse_access_number(std::string_view text, std::uint32_t most);

}  // namespace ssh2incus
