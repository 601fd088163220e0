// The options of a forced command "internal-sftp ...", as sftp-server(8) has them: pure.
#pragma once

#include <sys/types.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "common/account_files.h"
#include "common/result.h"

namespace ssh2incus::guest::sftp {

struct Options {
  bool read_only = false;
  std::string start_directory;  // empty: the home directory
  std::optional<mode_t> umask;
  std::optional<std::set<std::string>> allowed;  // requests; none: all
  std::set<std::string> denied;
  // By name; the writing ones not where read_only.
  [[nodiscard]] bool permits(const std::string& request, bool writes) const;
};

// An error's text names the option.
Result<Options> parse_options(std::string_view command, const Account& account);

}  // namespace ssh2incus::guest::sftp
