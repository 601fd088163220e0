// The files that a client may name: all of the instance's, or those below a directory that appears
// as "/". Confined without chroot(2), which needs root: the kernel resolves every path below a
// descriptor of that directory (openat2(2), RESOLVE_IN_ROOT), whoever moves links meanwhile, and
// what doesn't follow a last link is done relative to the descriptor of the resolved parent.
// Methods return an error number, 0 for success; paths come from the client.
#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <string>

#include "common/result.h"
#include "common/unique_fd.h"
#include "guest/sftp/attributes.h"

namespace ssh2incus::guest::sftp {

enum class Links : std::uint8_t { kFollow, kKeep };  // where the path's last component is one

class Tree {
 public:
  static Tree whole() { return {}; }
  static Result<Tree> below(const std::string& directory);

  [[nodiscard]] bool confined() const { return root_.valid(); }
  // Where relative paths start; the process's own directory, or "/" of the confined.
  int enter(const std::string& directory);

  int open(const std::string& path, int flags, mode_t mode, UniqueFd& file) const;
  int status(const std::string& path, Links links, struct stat& status) const;
  int file_system(const std::string& path, struct statvfs& status) const;
  int change(const std::string& path, Links links, const Attributes& wanted) const;
  int remove_file(const std::string& path) const;
  int remove_directory(const std::string& path) const;
  int make_directory(const std::string& path, mode_t mode) const;
  // Not over anything that exists, unless replace.
  int rename(const std::string& from, const std::string& to, bool replace) const;
  int link(const std::string& existing, const std::string& path) const;
  int make_symlink(const std::string& content, const std::string& path) const;
  int read_symlink(const std::string& path, std::string& content) const;
  // Absolute, without links, "." and ".."; the last component needs not exist.
  int real_path(const std::string& path, std::string& real) const;

 private:
  // A directory and a name in it, for the calls that end in -at.
  struct Place {
    UniqueFd held;
    int directory = -1;
    std::string name;
    int error = 0;
  };
  Tree() = default;
  [[nodiscard]] Place locate(const std::string& path, bool keep_slashes = false) const;
  [[nodiscard]] std::string absolute(const std::string& path) const;
  int open_confined(const std::string& path, int flags, mode_t mode, UniqueFd& file) const;

  UniqueFd root_;
  std::string start_ = "/";  // of the confined
};

// The same for an open file; no path is involved.
int change_open_file(int file, const Attributes& wanted);

}  // namespace ssh2incus::guest::sftp
