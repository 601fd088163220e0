// See listing.h.
#include "guest/sftp/listing.h"

#include <array>

#include "common/account_files.h"

namespace ssh2incus::guest::sftp {
namespace {

constexpr time_t kHalfAYear = 365L * 24 * 60 * 60 / 2;

char type_letter(mode_t mode) {
  if (S_ISREG(mode)) return '-';
  if (S_ISDIR(mode)) return 'd';
  if (S_ISLNK(mode)) return 'l';
  if (S_ISCHR(mode)) return 'c';
  if (S_ISBLK(mode)) return 'b';
  if (S_ISFIFO(mode)) return 'p';
  return S_ISSOCK(mode) ? 's' : '?';
}

std::string mode_text(mode_t mode) {
  std::string text = "?rwxrwxrwx";
  text[0] = type_letter(mode);
  for (unsigned bit = 0; bit < 9; ++bit) {
    if ((mode >> (8 - bit) & 1) == 0) text[bit + 1] = '-';
  }
  const auto mark = [&](mode_t bit, std::size_t place, char executable, char other) {
    if ((mode & bit) != 0) text[place] = text[place] == 'x' ? executable : other;
  };
  mark(S_ISUID, 3, 's', 'S');
  mark(S_ISGID, 6, 's', 'S');
  mark(S_ISVTX, 9, 't', 'T');
  return text;
}

std::string time_text(time_t when, time_t now) {
  tm local{};
  std::array<char, 64> text{};
  const bool recent = when <= now && now - when < kHalfAYear;
  if (localtime_r(&when, &local) == nullptr ||
      strftime(text.data(), text.size(), recent ? "%b %e %H:%M" : "%b %e  %Y", &local) == 0) {
    return "?";
  }
  return text.data();
}

std::string name_or_number(const NameTable& table, std::uint32_t id) {
  const auto name = table.name_of(id);
  return name.empty() ? std::to_string(id) : std::string(name);
}

std::string to_left(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string to_right(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

}  // namespace

NameTable::NameTable(std::string_view file) {
  while (!file.empty()) {
    const auto end = file.find('\n');
    const auto line = file.substr(0, end);
    file.remove_prefix(end == std::string_view::npos ? file.size() : end + 1);
    const auto name_end = line.find(':');
    const auto id_start =
        name_end == std::string_view::npos ? name_end : line.find(':', name_end + 1);
    if (id_start == std::string_view::npos) continue;
    const auto rest = line.substr(id_start + 1);
    if (const auto id = parse_id(rest.substr(0, rest.find(':')))) {
      names_.emplace(*id, line.substr(0, name_end));
    }
  }
}

std::string_view NameTable::name_of(std::uint32_t id) const {
  const auto found = names_.find(id);
  return found == names_.end() ? std::string_view() : found->second;
}

std::string long_name(std::string_view name, const struct stat& status, const Names& names,
                      time_t now) {
  return mode_text(status.st_mode) + " " + to_right(std::to_string(status.st_nlink), 4) + " " +
         to_left(name_or_number(names.users, status.st_uid), 8) + " " +
         to_left(name_or_number(names.groups, status.st_gid), 8) + " " +
         to_right(std::to_string(status.st_size), 8) + " " + time_text(status.st_mtime, now) + " " +
         std::string(name);
}

}  // namespace ssh2incus::guest::sftp
