// Walks to a file one component at a time. Every directory is held by an O_PATH fd before it is
// judged, so nothing that the user swaps meanwhile can be mistaken for something else.
#include "monitor/strict_modes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <deque>
#include <string_view>
#include <vector>

#include "common/limits.h"

namespace ssh2incus {
namespace {

constexpr int kMaxSymlinks = 16;
constexpr std::size_t kMaxComponents = 256;

struct Place {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

struct Directory {
  std::string path;  // for messages
  struct stat status {};
};

Place place_of(const struct stat& status) { return {status.st_dev, status.st_ino}; }

void prepend_components(std::deque<std::string>& pending, std::string_view path) {
  std::deque<std::string> parts;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  pending.insert(pending.begin(), parts.begin(), parts.end());
}

// Where a path really leads: its directories from the root on, and the last component if that isn't
// a directory.
class Walk {
 public:
  // false: something on the way, or the end, doesn't exist.
  Result<bool> go(const std::string& path) {
    if (!path.starts_with('/')) return fail("not an absolute path");
    std::deque<std::string> pending;
    prepend_components(pending, path);
    TRY(to_root());
    while (!pending.empty()) {
      if (pending.size() + trail_.size() > kMaxComponents) return fail("the path is too deep");
      const std::string name = std::move(pending.front());
      pending.pop_front();
      if (!TRY(step(name, pending))) return false;
    }
    return true;
  }

  [[nodiscard]] const std::vector<Directory>& trail() const { return trail_; }
  [[nodiscard]] const UniqueFd& directory() const { return directory_; }
  [[nodiscard]] const std::string& file_name() const { return file_name_; }  // empty: a directory
  [[nodiscard]] const struct stat& file_status() const { return file_status_; }
  [[nodiscard]] std::string real_path() const { return path_of(file_name_); }

 private:
  Status to_root() {
    directory_.reset(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory_.valid()) return system_error("/");
    trail_.assign(1, Directory{"/", {}});
    if (fstat(directory_.get(), &trail_.back().status) != 0) return system_error("/");
    return {};
  }

  Result<bool> step(const std::string& name, std::deque<std::string>& pending) {
    if (!file_name_.empty()) return false;  // a file where a directory should be
    if (name == "..") return up();
    // First as a directory: that is what makes the kernel mount an automounted home.
    UniqueFd next(
        openat(directory_.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next.valid() && errno == ENOTDIR) {
      next.reset(openat(directory_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    }
    if (!next.valid()) {
      if (errno == ENOENT || errno == ENOTDIR) return false;
      return system_error(path_of(name));
    }
    struct stat status {};
    if (fstat(next.get(), &status) != 0) return system_error(path_of(name));
    if (S_ISLNK(status.st_mode)) return follow(next, pending);
    if (S_ISDIR(status.st_mode)) {
      trail_.push_back({path_of(name), status});
      directory_ = std::move(next);
    } else {
      file_name_ = name;
      file_status_ = status;
    }
    return true;
  }

  Result<bool> up() {
    if (trail_.size() == 1) return true;
    UniqueFd parent(openat(directory_.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat status {};
    if (!parent.valid() || fstat(parent.get(), &status) != 0) return system_error("..");
    trail_.pop_back();
    if (place_of(status) != place_of(trail_.back().status)) return fail("a directory was moved");
    directory_ = std::move(parent);
    return true;
  }

  Result<bool> follow(const UniqueFd& link, std::deque<std::string>& pending) {
    if (++symlinks_ > kMaxSymlinks) return fail("too many symlinks");
    std::array<char, limits::kMaxPath> target{};
    const ssize_t size = readlinkat(link.get(), "", target.data(), target.size());
    if (size <= 0 || static_cast<std::size_t>(size) == target.size())
      return system_error("readlink");
    const std::string_view text(target.data(), static_cast<std::size_t>(size));
    prepend_components(pending, text);
    if (text.starts_with('/')) TRY(to_root());
    return true;
  }

  [[nodiscard]] std::string path_of(const std::string& name) const {
    return trail_.back().path + (trail_.size() > 1 ? "/" : "") + name;
  }

  UniqueFd directory_;
  std::vector<Directory> trail_;
  std::string file_name_;
  struct stat file_status_ {};
  int symlinks_ = 0;
};

Status check_owner_and_mode(const std::string& what, const struct stat& status, uid_t owner) {
  if (status.st_uid != 0 && status.st_uid != owner) {
    return fail(what +
                (owner == 0 ? " doesn't belong to root" : " belongs to neither the user nor root"));
  }
  if ((status.st_mode & 022) != 0) return fail(what + " can be written by others");
  return {};
}

// From the file's directory upwards, to the home if it's on the way, else to the root.
Status check_directories(const Walk& walk, uid_t owner, const std::optional<Place>& home) {
  const auto& trail = walk.trail();
  for (auto directory = trail.rbegin(); directory != trail.rend(); ++directory) {
    TRY(check_owner_and_mode("directory " + directory->path, directory->status, owner));
    if (home && place_of(directory->status) == *home) return {};
  }
  return {};
}

Result<std::optional<Place>> place_of_home(const std::string& home) {
  if (home.empty()) return std::optional<Place>();
  Walk walk;
  if (!TRY(walk.go(home)) || !walk.file_name().empty()) return std::optional<Place>();
  // A home of "/" stops nothing early.
  return std::optional<Place>(place_of(walk.trail().back().status));
}

}  // namespace

Result<std::optional<UniqueFd>> open_trusted_file(const TrustedFileRequest& request) {
  Walk walk;
  if (!TRY(walk.go(request.path))) return std::optional<UniqueFd>();
  if (walk.file_name().empty() || !S_ISREG(walk.file_status().st_mode)) {
    return fail("not a regular file");
  }
  const std::optional<Place> home = TRY(place_of_home(request.home));
  TRY(check_directories(walk, request.owner, home));
  // O_NONBLOCK: should it have become a FIFO since, this doesn't wait, and the type is looked at
  // again below.
  UniqueFd file(openat(walk.directory().get(), walk.file_name().c_str(),
                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.valid()) return system_error("open");
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return system_error("fstat");
  if (!S_ISREG(status.st_mode)) return fail("not a regular file");
  TRY(check_owner_and_mode("the file", status, request.owner));
  return std::optional<UniqueFd>(std::move(file));
}

Result<std::string> trusted_program(const std::string& path) {
  Walk walk;
  if (!TRY(walk.go(path))) return fail("there is no such file");
  if (walk.file_name().empty() || !S_ISREG(walk.file_status().st_mode)) {
    return fail("not a regular file");
  }
  TRY(check_directories(walk, 0, std::nullopt));
  TRY(check_owner_and_mode("the file", walk.file_status(), 0));
  if ((walk.file_status().st_mode & 0111) == 0) return fail("not executable");
  return walk.real_path();
}

Result<std::string> trusted_directory(const std::string& path) {
  Walk walk;
  if (!TRY(walk.go(path))) return fail("there is no such directory");
  if (!walk.file_name().empty()) return fail("not a directory");
  TRY(check_directories(walk, 0, std::nullopt));
  return walk.trail().back().path;
}

Result<Secret> read_secret(const UniqueFd& file, std::size_t max_size) {
  Secret content = Secret::with_size(max_size + 1);
  std::size_t used = 0;
  while (used < content.size()) {
    const ssize_t got = read(file.get(), content.writable().data() + used, content.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read");
    if (got == 0) {
      content.shrink(used);
      return content;
    }
    used += static_cast<std::size_t>(got);
  }
  return fail("larger than " + std::to_string(max_size) + " bytes");
}

Result<std::string> read_bounded(const UniqueFd& file, std::size_t max_size) {
  std::string content;
  std::array<char, 16UL * 1024> chunk{};
  for (;;) {
    const ssize_t got = read(file.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read");
    if (got == 0) return content;
    content.append(chunk.data(), static_cast<std::size_t>(got));
    if (content.size() > max_size)
      return fail("larger than " + std::to_string(max_size) + " bytes");
  }
}

}  // namespace ssh2incus
