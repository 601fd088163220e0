// The character rules behind the validated names. Fed by login names from the network.
#include "common/names.h"

#include <algorithm>

#include "common/limits.h"

namespace ssh2incus {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string why_not_sized(std::string_view what, std::string_view text, std::size_t most) {
  if (text.empty()) return std::string(what) + " is empty";
  if (text.size() > most) {
    return std::string(what) + " is longer than " + std::to_string(most) + " characters";
  }
  return {};
}

// Letters, digits and the given punctuation only.
std::string why_not_chars(std::string_view what, std::string_view text, std::string_view extra) {
  const bool all = std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter(c) || is_digit(c) || extra.find(c) != std::string_view::npos;
  });
  if (all) return {};
  return std::string(what) + " has a character that isn't allowed there";
}

}  // namespace

std::string why_not_instance_name(std::string_view text) {
  constexpr std::string_view kWhat = "instance name";
  if (auto reason = why_not_sized(kWhat, text, limits::kMaxInstanceName); !reason.empty())
    return reason;
  if (auto reason = why_not_chars(kWhat, text, "-"); !reason.empty()) return reason;
  if (is_digit(text.front())) return "instance name starts with a digit";
  if (text.front() == '-') return "instance name starts with a hyphen";
  if (text.back() == '-') return "instance name ends with a hyphen";
  return {};
}

// Incus 6 refuses '/', spaces, underscores, quotes and '*' in project names, later versions also
// what doesn't start and end with a letter or digit, and other characters of URLs.
std::string why_not_project_name(std::string_view text) {
  constexpr std::string_view kWhat = "project name";
  if (auto reason = why_not_sized(kWhat, text, limits::kMaxProjectName); !reason.empty())
    return reason;
  if (auto reason = why_not_chars(kWhat, text, "-."); !reason.empty()) return reason;
  if (text.front() == '-' || text.front() == '.') return "project name starts with '-' or '.'";
  if (text.back() == '-' || text.back() == '.') return "project name ends with '-' or '.'";
  return {};
}

std::string why_not_remote_name(std::string_view text) {
  constexpr std::string_view kWhat = "remote name";
  if (auto reason = why_not_sized(kWhat, text, limits::kMaxRemoteName); !reason.empty())
    return reason;
  if (auto reason = why_not_chars(kWhat, text, "-_."); !reason.empty()) return reason;
  if (text.front() == '-' || text.front() == '.') return "remote name starts with '-' or '.'";
  return {};
}

std::string why_not_user_name(std::string_view text) {
  constexpr std::string_view kWhat = "user name";
  if (auto reason = why_not_sized(kWhat, text, limits::kMaxUserName); !reason.empty())
    return reason;
  if (auto reason = why_not_chars(kWhat, text, "-_."); !reason.empty()) return reason;
  if (text.front() == '-' || text.front() == '.') return "user name starts with '-' or '.'";
  return {};
}

}  // namespace ssh2incus
