// Which environment variables a client may set: OpenSSH's AcceptEnv patterns ('*' and '?'), minus
// names that no pattern can allow because they change which code runs (LD_*, PATH, IFS, BASH_ENV,
// ...).
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ssh2incus {

// A name of letters, digits and underscores, not starting with a digit, and not forbidden.
bool environment_name_is_safe(std::string_view name);
// Whether text matches a pattern of '*', '?' and literal characters.
bool matches_pattern(std::string_view text, std::string_view pattern);

template <typename Patterns>
bool environment_is_accepted(std::string_view name, const Patterns& patterns) {
  if (!environment_name_is_safe(name)) return false;
  for (const auto& pattern : patterns) {
    if (matches_pattern(name, *pattern)) return true;
  }
  return false;
}

}  // namespace ssh2incus
