// Durations as administrators write them: "90", "90s", "5m", "8h", "2d".
#pragma once

#include <chrono>
#include <string_view>

#include "common/result.h"

namespace ssh2incus {

inline constexpr std::chrono::seconds kMaxDuration = std::chrono::hours(24 * 365);

// More than nothing, at most kMaxDuration.
Result<std::chrono::seconds> parse_duration(std::string_view text);
std::string duration_text(std::chrono::seconds duration);  // the shortest of these forms

}  // namespace ssh2incus
