// Whether a forced command is the SFTP server that the guest has in itself, by the name that
// sshd_config(5) gives it.
#pragma once

#include <string_view>

namespace ssh2incus {

inline constexpr std::string_view kInternalSftp = "internal-sftp";

// "internal-sftp", alone or followed by options.
constexpr bool is_internal_sftp(std::string_view command) {
  if (!command.starts_with(kInternalSftp)) return false;
  command.remove_prefix(kInternalSftp.size());
  return command.empty() || command.front() == ' ' || command.front() == '\t';
}

}  // namespace ssh2incus
