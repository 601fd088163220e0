// See package_manager.h.
#include "guest/package_manager.h"

#include <algorithm>
#include <array>
#include <optional>

namespace ssh2incus::guest {
namespace {

enum class Family : unsigned char { kDebian, kRedHat, kAlpine, kSuse, kArch };

constexpr std::array<std::pair<std::string_view, Family>, 22> kFamilies = {{
    {"debian", Family::kDebian},       {"ubuntu", Family::kDebian},
    {"raspbian", Family::kDebian},     {"devuan", Family::kDebian},
    {"linuxmint", Family::kDebian},    {"kali", Family::kDebian},
    {"fedora", Family::kRedHat},       {"rhel", Family::kRedHat},
    {"centos", Family::kRedHat},       {"rocky", Family::kRedHat},
    {"almalinux", Family::kRedHat},    {"ol", Family::kRedHat},
    {"amzn", Family::kRedHat},         {"alpine", Family::kAlpine},
    {"postmarketos", Family::kAlpine}, {"suse", Family::kSuse},
    {"opensuse", Family::kSuse},       {"sles", Family::kSuse},
    {"opensuse-leap", Family::kSuse},  {"opensuse-tumbleweed", Family::kSuse},
    {"arch", Family::kArch},           {"manjaro", Family::kArch},
}};

// "debian" of `ID=debian`, `ID="debian"` or `ID='debian'`; the last line counts, as for a shell.
std::string_view value_of(std::string_view text, std::string_view key) {
  std::string_view value;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
    if (!line.starts_with(key) || line.substr(key.size(), 1) != "=") continue;
    value = line.substr(key.size() + 1);
    const bool quoted =
        value.size() >= 2 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0];
    if (quoted) value = value.substr(1, value.size() - 2);
  }
  return value;
}

std::optional<Family> family_of(std::string_view words) {
  while (!words.empty()) {
    const auto end = std::min(words.find(' '), words.size());
    const auto word = words.substr(0, end);
    for (const auto& [name, family] : kFamilies) {
      if (word == name) return family;
    }
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return std::nullopt;
}

}  // namespace

std::vector<PackageManager> package_managers(std::string_view os_release,
                                             const std::string& package) {
  auto family = family_of(value_of(os_release, "ID"));
  if (!family) family = family_of(value_of(os_release, "ID_LIKE"));
  if (!family) return {};
  switch (*family) {
    case Family::kDebian:
      return {{"apt-get",
               {{"-q", "update"},
                {"-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=60", "install",
                 package}}}};
    case Family::kRedHat:
      return {{"dnf", {{"-y", "install", package}}},
              {"microdnf", {{"-y", "install", package}}},
              {"yum", {{"-y", "install", package}}}};
    case Family::kAlpine: return {{"apk", {{"add", "--no-cache", package}}}};
    case Family::kSuse:
      return {{"zypper", {{"--non-interactive", "install", "--no-recommends", package}}}};
    case Family::kArch: return {{"pacman", {{"-Sy", "--noconfirm", "--needed", package}}}};
  }
  return {};
}

}  // namespace ssh2incus::guest
