// See tree.h.
#include "guest/sftp/tree.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <ctime>
#include <optional>

namespace ssh2incus::guest::sftp {
namespace {

constexpr mode_t kPermissionBits = 07777;
constexpr int kAttempts = 64;  // the kernel says EAGAIN while somebody renames

int error_of(int result) { return result == 0 ? 0 : errno; }

std::array<timespec, 2> times_of(const Attributes::Times& times) {
  return {timespec{static_cast<time_t>(times.access), 0},
          timespec{static_cast<time_t>(times.modification), 0}};
}

std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

Result<Tree> Tree::below(const std::string& directory) {
  Tree tree;
  tree.root_.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!tree.root_.valid()) return system_error("cannot open the home directory " + directory);
  UniqueFd probe;
  const int error = tree.open_confined("/", O_PATH | O_DIRECTORY, 0, probe);
  if (error == ENOSYS)
    return fail("file transfer is confined here, and this instance's kernel can't (no openat2)");
  if (error != 0) return system_error("cannot confine file transfer", error);
  return tree;
}

int Tree::enter(const std::string& directory) {
  if (!confined()) return error_of(chdir(directory.c_str()));
  std::string real;
  if (const int error = real_path(directory, real); error != 0) return error;
  UniqueFd probe;
  if (const int error = open(real, O_PATH | O_DIRECTORY, 0, probe); error != 0) return error;
  start_ = real;
  return 0;
}

std::string Tree::absolute(const std::string& path) const {
  return path.starts_with('/') ? path : start_ + "/" + path;
}

int Tree::open_confined(const std::string& path, int flags, mode_t mode, UniqueFd& file) const {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.mode = (flags & O_CREAT) != 0 ? mode & kPermissionBits : 0;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    file.reset(
        static_cast<int>(syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof(how))));
    if (file.valid()) return 0;
    if (errno != EAGAIN && errno != EINTR) return errno;
  }
  return EAGAIN;
}

Tree::Place Tree::locate(const std::string& path, bool keep_slashes) const {
  Place place;
  if (!confined()) {
    place.directory = AT_FDCWD;
    place.name = path;
    return place;
  }
  if (path.empty()) {
    place.error = ENOENT;
    return place;
  }
  const bool is_directory = keep_slashes && path.back() == '/';
  std::string parent = without_trailing_slashes(absolute(path));
  const auto slash = parent.rfind('/');
  place.name = parent.substr(slash + 1);
  if (is_directory || place.name.empty() || place.name == "." || place.name == "..") {
    place.name = ".";  // no name of an entry: the directory itself
  } else {
    parent.resize(slash + 1);
  }
  place.error = open_confined(parent, O_PATH | O_DIRECTORY, 0, place.held);
  place.directory = place.held.get();
  return place;
}

int Tree::open(const std::string& path, int flags, mode_t mode, UniqueFd& file) const {
  if (path.empty()) return ENOENT;
  if (confined()) return open_confined(absolute(path), flags, mode, file);
  do {
    file.reset(::open(path.c_str(), flags | O_CLOEXEC, mode & kPermissionBits));
  } while (!file.valid() && errno == EINTR);
  return file.valid() ? 0 : errno;
}

int Tree::status(const std::string& path, Links links, struct stat& status) const {
  if (confined() && links == Links::kFollow) {
    UniqueFd file;
    if (const int error = open(path, O_PATH, 0, file); error != 0) return error;
    return error_of(fstat(file.get(), &status));
  }
  const Place place = locate(path, true);
  if (place.error != 0) return place.error;
  return error_of(fstatat(place.directory, place.name.c_str(), &status,
                          links == Links::kFollow ? 0 : AT_SYMLINK_NOFOLLOW));
}

int Tree::file_system(const std::string& path, struct statvfs& status) const {
  UniqueFd file;
  if (const int error = open(path, O_PATH, 0, file); error != 0) return error;
  return error_of(fstatvfs(file.get(), &status));
}

int Tree::change(const std::string& path, Links links, const Attributes& wanted) const {
  const bool follow = links == Links::kFollow;
  if (wanted.size) {
    UniqueFd file;
    if (!follow) return EINVAL;
    const int error = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0, file);
    if (error != 0) return error;
    if (ftruncate(file.get(), static_cast<off_t>(*wanted.size)) != 0) return errno;
  }
  // chmod(2) takes no descriptor of O_PATH, but its name in /proc.
  UniqueFd pinned;
  Place place;
  if (follow && confined()) {
    if (const int error = open(path, O_PATH, 0, pinned); error != 0) return error;
    place.directory = AT_FDCWD;
    place.name = "/proc/self/fd/" + std::to_string(pinned.get());
  } else {
    place = locate(path, true);
  }
  if (place.error != 0) return place.error;
  const int directory = place.directory;
  const char* name = place.name.c_str();
  const int flags = follow ? 0 : AT_SYMLINK_NOFOLLOW;
  if (wanted.permissions &&
      fchmodat(directory, name, *wanted.permissions & kPermissionBits, flags) != 0) {
    return errno;
  }
  if (wanted.times && utimensat(directory, name, times_of(*wanted.times).data(), flags) != 0)
    return errno;
  if (wanted.owner && fchownat(directory, name, wanted.owner->uid, wanted.owner->gid, flags) != 0)
    return errno;
  return 0;
}

int Tree::remove_file(const std::string& path) const {
  const Place place = locate(path);
  if (place.error != 0) return place.error;
  return error_of(unlinkat(place.directory, place.name.c_str(), 0));
}

int Tree::remove_directory(const std::string& path) const {
  const Place place = locate(path);
  if (place.error != 0) return place.error;
  return error_of(unlinkat(place.directory, place.name.c_str(), AT_REMOVEDIR));
}

int Tree::make_directory(const std::string& path, mode_t mode) const {
  const Place place = locate(path);
  if (place.error != 0) return place.error;
  return error_of(mkdirat(place.directory, place.name.c_str(), mode & kPermissionBits));
}

int Tree::rename(const std::string& from, const std::string& to, bool replace) const {
  const Place source = locate(from);
  if (source.error != 0) return source.error;
  const Place target = locate(to);
  if (target.error != 0) return target.error;
  const char* old_name = source.name.c_str();
  const char* new_name = target.name.c_str();
  if (!replace) {
    const int done =
        renameat2(source.directory, old_name, target.directory, new_name, RENAME_NOREPLACE);
    if (done == 0 || (errno != EINVAL && errno != ENOSYS)) return error_of(done);
    // A file system that can't; the same with a gap.
    struct stat status {};
    if (fstatat(target.directory, new_name, &status, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
  }
  return error_of(renameat(source.directory, old_name, target.directory, new_name));
}

int Tree::link(const std::string& existing, const std::string& path) const {
  const Place source = locate(existing);
  if (source.error != 0) return source.error;
  const Place target = locate(path);
  if (target.error != 0) return target.error;
  return error_of(
      linkat(source.directory, source.name.c_str(), target.directory, target.name.c_str(), 0));
}

int Tree::make_symlink(const std::string& content, const std::string& path) const {
  const Place place = locate(path);
  if (place.error != 0) return place.error;
  return error_of(symlinkat(content.c_str(), place.directory, place.name.c_str()));
}

int Tree::read_symlink(const std::string& path, std::string& content) const {
  const Place place = locate(path, true);
  if (place.error != 0) return place.error;
  std::array<char, PATH_MAX> buffer;
  const ssize_t length =
      readlinkat(place.directory, place.name.c_str(), buffer.data(), buffer.size());
  if (length < 0) return errno;
  content.assign(buffer.data(), static_cast<std::size_t>(length));
  return 0;
}

int change_open_file(int file, const Attributes& wanted) {
  if (wanted.size && ftruncate(file, static_cast<off_t>(*wanted.size)) != 0) return errno;
  if (wanted.permissions && fchmod(file, *wanted.permissions & kPermissionBits) != 0) return errno;
  if (wanted.times && futimens(file, times_of(*wanted.times).data()) != 0) return errno;
  if (wanted.owner && fchown(file, wanted.owner->uid, wanted.owner->gid) != 0) return errno;
  return 0;
}

}  // namespace ssh2incus::guest::sftp
