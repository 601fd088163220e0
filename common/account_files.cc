// See account_files.h. Follows passwd(5), group(5) and shadow(5).
#include "common/account_files.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/limits.h"

namespace ssh2incus {
namespace {

// Calls visit(line) for each line until it returns true.
template <typename Visit>
void for_each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (visit(text.substr(0, end)) || end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

// Splits a line at colons into exactly N fields.
template <std::size_t N>
std::optional<std::array<std::string_view, N>> split(std::string_view line) {
  std::array<std::string_view, N> fields;
  for (std::size_t i = 0; i < N; ++i) {
    const auto colon = line.find(':');
    const bool last = i + 1 == N;
    if (last != (colon == std::string_view::npos)) return std::nullopt;
    fields[i] = line.substr(0, colon);
    if (!last) line.remove_prefix(colon + 1);
  }
  return fields;
}

bool lists_member(std::string_view members, std::string_view user) {
  while (!members.empty()) {
    const auto comma = members.find(',');
    if (members.substr(0, comma) == user) return true;
    if (comma == std::string_view::npos) return false;
    members.remove_prefix(comma + 1);
  }
  return false;
}

void add_once(std::vector<gid_t>& groups, gid_t group) {
  if (groups.size() >= limits::kMaxGroups) return;
  if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
}

}  // namespace

std::optional<std::uint32_t> parse_id(std::string_view text) {
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (id == static_cast<std::uint32_t>(-1)) return std::nullopt;
  return id;
}

bool is_usable_path(std::string_view path) {
  return path.starts_with('/') && path.size() < limits::kMaxPath &&
         std::none_of(path.begin(), path.end(), [](char c) { return c >= 0 && c < ' '; });
}

std::optional<Account> find_account(std::string_view passwd, std::string_view name) {
  std::optional<Account> found;
  if (name.empty()) return found;
  for_each_line(passwd, [&](std::string_view line) {
    const auto fields = split<7>(line);
    if (!fields || (*fields)[0] != name) return false;
    const auto uid = parse_id((*fields)[2]);
    const auto gid = parse_id((*fields)[3]);
    if (!uid || !gid) return false;
    // Empty fields have a meaning of old: home /, shell /bin/sh.
    const std::string_view home = (*fields)[5].empty() ? "/" : (*fields)[5];
    const std::string_view shell = (*fields)[6].empty() ? "/bin/sh" : (*fields)[6];
    if (!is_usable_path(home) || !is_usable_path(shell)) return false;
    found = Account{std::string(name), *uid, *gid, std::string(home), std::string(shell), {*gid}};
    return true;
  });
  return found;
}

std::vector<gid_t> groups_of(std::string_view group_file, std::string_view user) {
  std::vector<gid_t> groups;
  for_each_line(group_file, [&](std::string_view line) {
    const auto fields = split<4>(line);
    if (!fields || (*fields)[0].empty() || !lists_member((*fields)[3], user)) return false;
    if (const auto gid = parse_id((*fields)[2])) add_once(groups, *gid);
    return false;
  });
  return groups;
}

std::optional<gid_t> find_group(std::string_view group_file, std::string_view name) {
  std::optional<gid_t> found;
  for_each_line(group_file, [&](std::string_view line) {
    const auto fields = split<4>(line);
    if (!fields || (*fields)[0] != name) return false;
    found = parse_id((*fields)[2]);
    return found.has_value();
  });
  return found;
}

std::vector<gid_t> parse_initgroups(std::string_view line, std::string_view user) {
  std::vector<gid_t> groups;
  line = line.substr(0, line.find('\n'));
  if (!line.starts_with(user)) return groups;
  line.remove_prefix(user.size());
  if (!line.empty() && line.front() != ' ' && line.front() != '\t') return groups;
  while (!line.empty()) {
    const auto start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos) break;
    line.remove_prefix(start);
    const auto end = line.find_first_of(" \t");
    if (const auto gid = parse_id(line.substr(0, end))) add_once(groups, *gid);
    line.remove_prefix(std::min(end, line.size()));
  }
  return groups;
}

}  // namespace ssh2incus
