// Opens unix sockets, as root, before the listener gives its powers up.
#include "monitor/unix_listener.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "common/limits.h"
#include "monitor/inherited_sockets.h"
#include "monitor/strict_modes.h"

namespace ssh2incus {
namespace {

constexpr int kBacklog = 128;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy_n(path.begin(), std::min(path.size(), sizeof(address.sun_path) - 1), address.sun_path);
  return address;
}

// What is there goes if it is a dead socket of ours.
Status make_room(const std::string& path, int type) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return system_error(path);
  }
  if (!S_ISSOCK(status.st_mode)) return fail(path + " is there and is no socket");
  if (status.st_uid != geteuid()) return fail(path + " is there and isn't root's");
  if (connect_unix_socket(path, type).ok()) return fail("somebody listens on " + path + " already");
  if (errno != ECONNREFUSED) return system_error(path + " is there");
  if (unlink(path.c_str()) != 0) return system_error("a stale " + path);
  return {};
}

Result<gid_t> group_id(const std::string& name) {
  if (name.empty()) return getegid();
  const group* entry = getgrnam(name.c_str());
  if (entry == nullptr) return fail("there is no group " + name);
  return entry->gr_gid;
}

}  // namespace

Result<UniqueFd> connect_unix_socket(const std::string& path, int type) {
  UniqueFd fd(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return system_error("socket");
  const sockaddr_un address = address_of(path);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int number = errno;
    fd.reset();
    errno = number;
    return system_error(path, number);
  }
  return fd;
}

Result<UniqueFd> open_unix_socket(const UnixListenAddress& wanted, std::vector<UniqueFd>& open,
                                  int type) {
  const std::string name = "can't listen on " + wanted.path;
  if (wanted.path.size() > limits::kMaxSocketPath) return fail(name + ": the path is too long");
  const gid_t group = TRY(group_id(wanted.group));
  const sockaddr_un address = address_of(wanted.path);
  const auto& generic = reinterpret_cast<const sockaddr&>(address);
  if (auto taken = take_bound_to(open, generic, sizeof(address))) return std::move(*taken);
  const std::size_t slash = wanted.path.rfind('/');
  if (auto trusted = trusted_directory(slash == 0 ? "/" : wanted.path.substr(0, slash));
      !trusted.ok()) {
    return fail(name + ": " + trusted.error().message);
  }
  TRY(make_room(wanted.path, type));
  UniqueFd fd(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return system_error(name);
  // Nobody's until it has its group; only root can put something else there meanwhile.
  const mode_t mask = umask(0777);
  const bool bound = bind(fd.get(), &generic, sizeof(address)) == 0;
  umask(mask);
  if (!bound || chown(wanted.path.c_str(), geteuid(), group) != 0 ||
      chmod(wanted.path.c_str(), wanted.mode) != 0 || listen(fd.get(), kBacklog) != 0) {
    return system_error(name);
  }
  return fd;
}

}  // namespace ssh2incus
