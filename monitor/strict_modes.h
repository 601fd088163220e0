// Opens a key file the way sshd(8)'s StrictModes wants it: a regular file that only root and the
// user can write, in directories that only they can write, judged on the very fds that are used.
// The file system below the user's home is the user's to arrange, symlinks, races and all. Programs
// that are run by their path are held to the same, for root alone.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "common/result.h"
#include "common/secret.h"
#include "common/unique_fd.h"

namespace ssh2incus {

struct TrustedFileRequest {
  std::string path;  // absolute
  uid_t owner = 0;   // besides root, who may own and write the file and its directories
  // Directories above this one aren't checked if the file's real path lies in it; empty: all are.
  std::string home;
};

// Nothing if the file doesn't exist; an error with the reason if it can't be trusted. Symlinks are
// followed by hand, one component at a time, each opened with O_NOFOLLOW; it's the real path's
// directories that are checked.
Result<std::optional<UniqueFd>> open_trusted_file(const TrustedFileRequest& request);

// The real path of a program that only root can change: an executable regular file that belongs to
// root, nobody else can write it nor any directory on the way, from the root on. So it stays the
// same file when it is executed by that path.
Result<std::string> trusted_program(const std::string& path);

// The real path of a directory that only root can change, as above.
Result<std::string> trusted_directory(const std::string& path);

// The whole file, at most max_size bytes, read to its end.
Result<std::string> read_bounded(const UniqueFd& file, std::size_t max_size);
// The same without a copy that isn't wiped.
Result<Secret> read_secret(const UniqueFd& file, std::size_t max_size);

}  // namespace ssh2incus
