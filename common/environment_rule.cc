// Pure functions over names that clients send.
#include "common/environment_rule.h"

#include <algorithm>
#include <array>

namespace ssh2incus {
namespace {

constexpr std::array<std::string_view, 4> kForbiddenPrefixes = {"LD_", "BASH_FUNC_", "DYLD_",
                                                                "GCONV_"};
constexpr std::array<std::string_view, 28> kForbidden = {"PATH",
                                                         "IFS",
                                                         "BASH_ENV",
                                                         "ENV",
                                                         "SHELLOPTS",
                                                         "BASHOPTS",
                                                         "PS4",
                                                         "HOME",
                                                         "SHELL",
                                                         "USER",
                                                         "LOGNAME",
                                                         "MAIL",
                                                         "CDPATH",
                                                         "GLOBIGNORE",
                                                         "PERL5LIB",
                                                         "PERL5OPT",
                                                         "PYTHONPATH",
                                                         "PYTHONHOME",
                                                         "RUBYLIB",
                                                         "RUBYOPT",
                                                         "NODE_OPTIONS",
                                                         "HOSTALIASES",
                                                         "LOCALDOMAIN",
                                                         "RES_OPTIONS",
                                                         "NLSPATH",
                                                         "TMPDIR",
                                                         "PROMPT_COMMAND",
                                                         "SSH_ORIGINAL_COMMAND"};

}  // namespace

bool environment_name_is_safe(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
  const bool word = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (!word) return false;
  if (std::find(kForbidden.begin(), kForbidden.end(), name) != kForbidden.end()) return false;
  return std::none_of(kForbiddenPrefixes.begin(), kForbiddenPrefixes.end(),
                      [&](std::string_view prefix) { return name.starts_with(prefix); });
}

bool matches_pattern(std::string_view text, std::string_view pattern) {
  std::size_t t = 0;
  std::size_t p = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace ssh2incus
