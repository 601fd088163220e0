// Lines like those of `ls -l`, and the names of users and groups in them.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ssh2incus::guest::sftp {

// Names by id, from the text of /etc/passwd or /etc/group; the first line of an id counts.
class NameTable {
 public:
  explicit NameTable(std::string_view file);
  // Empty: unknown.
  [[nodiscard]] std::string_view name_of(std::uint32_t id) const;

 private:
  std::map<std::uint32_t, std::string> names_;
};

struct Names {
  NameTable users;
  NameTable groups;
};

std::string long_name(std::string_view name, const struct stat& status, const Names& names,
                      time_t now);

}  // namespace ssh2incus::guest::sftp
