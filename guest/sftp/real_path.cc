// realpath(3) for a tree, component by component: what it says is a name only, and is resolved
// again by whatever it is used for.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "guest/sftp/tree.h"

namespace ssh2incus::guest::sftp {
namespace {

constexpr int kMostLinks = 40;  // the kernel's

// Takes the first component off.
std::string next_component(std::string& left) {
  const auto start = left.find_first_not_of('/');
  if (start == std::string::npos) {
    left.clear();
    return {};
  }
  const auto end = left.find('/', start);
  std::string component = left.substr(start, end - start);
  left.erase(0, end);
  return component;
}

}  // namespace

int Tree::real_path(const std::string& path, std::string& real) const {
  std::string left = absolute(path);
  if (!confined() && !path.starts_with('/')) {
    std::array<char, PATH_MAX> here;
    if (getcwd(here.data(), here.size()) == nullptr) return errno;
    left = std::string(here.data()) + "/" + path;
  }
  std::string resolved;
  int links = 0;
  while (!left.empty()) {
    if (left.size() >= PATH_MAX) return ENAMETOOLONG;
    const std::string component = next_component(left);
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      resolved.resize(resolved.empty() ? 0 : resolved.rfind('/'));
      continue;
    }
    const std::string candidate = resolved + "/" + component;
    if (candidate.size() >= PATH_MAX) return ENAMETOOLONG;
    std::string content;
    const int error = read_symlink(candidate, content);
    const bool is_last = left.find_first_not_of('/') == std::string::npos;
    if (error == 0) {
      if (++links > kMostLinks) return ELOOP;
      if (content.starts_with('/')) resolved.clear();
      left = content + "/" + left;
    } else if (error == EINVAL || (error == ENOENT && is_last)) {
      resolved = candidate;
    } else {
      return error;
    }
  }
  real = resolved.empty() ? "/" : resolved;
  return 0;
}

}  // namespace ssh2incus::guest::sftp
