// Pure parsers of /etc/passwd, /etc/group and what `getent` prints. The files belong to the
// instance, whose users may have written nonsense into them: every line that isn't exactly right is
// skipped, numbers that don't fit are refused, and nothing is guessed.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ssh2incus {

struct Account {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
  std::string shell;
  std::vector<gid_t> groups;  // supplementary, the primary group first
  friend bool operator==(const Account&, const Account&) = default;
};

// A user or group id: decimal digits only, and neither -1 (which means "leave as it is" to
// setresuid) nor larger.
std::optional<std::uint32_t> parse_id(std::string_view text);

// The first well-formed line of that user; groups holds the primary group alone.
std::optional<Account> find_account(std::string_view passwd, std::string_view name);

// Ids of the groups that list the user as a member, in the file's order, at most
// `limits::kMaxGroups`.
std::vector<gid_t> groups_of(std::string_view group_file, std::string_view user);

// Id of the group of that name.
std::optional<gid_t> find_group(std::string_view group_file, std::string_view name);

// The ids of a line "user 4 24 27", as `getent initgroups user` prints it.
std::vector<gid_t> parse_initgroups(std::string_view line, std::string_view user);

// A home or shell can be used as a path: absolute, without NUL, newline and the like, of sane size.
bool is_usable_path(std::string_view path);

}  // namespace ssh2incus
