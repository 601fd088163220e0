// See unix_socket.h.
#include "guest/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace ssh2incus::guest {
namespace {

// Where Incus and LXD have their API, for guests and on hosts (an instance may be one).
constexpr std::array kIncusSockets = {"/dev/incus/sock",
                                      "/dev/lxd/sock",
                                      "/run/incus/unix.socket",
                                      "/run/incus/unix.socket.user",
                                      "/var/run/incus/unix.socket",
                                      "/var/lib/incus/unix.socket",
                                      "/var/lib/incus/unix.socket.user",
                                      "/var/lib/incus/guestapi/sock",
                                      "/var/lib/lxd/unix.socket",
                                      "/var/snap/lxd/common/lxd/unix.socket"};

}  // namespace

Result<SocketName> unix_socket_name(const std::string& path) {
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return fail("path too long");
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  SocketName name;
  std::memcpy(&name.storage, &address, sizeof(address));
  name.length = sizeof(address);
  return name;
}

bool is_incus_socket(const UniqueFd& file) {
  struct stat wanted {};
  if (fstat(file.get(), &wanted) != 0) return true;
  for (const char* path : kIncusSockets) {
    struct stat known {};
    const bool there = stat(path, &known) == 0;
    if (there && known.st_dev == wanted.st_dev && known.st_ino == wanted.st_ino) return true;
  }
  return false;
}

UnixConnection connect_unix(const std::string& path, bool incus_sockets_too) {
  UnixConnection result;
  const UniqueFd file(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!file.valid()) {
    result.error = errno;
    return result;
  }
  result.denied = !incus_sockets_too && is_incus_socket(file);
  if (result.denied) return result;
  const auto name = unix_socket_name("/proc/self/fd/" + std::to_string(file.get()));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid() || !name.ok() || connect(socket.get(), name->get(), name->length) != 0) {
    result.error = errno;
    return result;
  }
  result.socket = std::move(socket);
  return result;
}

}  // namespace ssh2incus::guest
