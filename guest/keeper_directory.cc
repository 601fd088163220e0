// See keeper_directory.h.
#include "guest/keeper_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace ssh2incus::guest {
namespace {

constexpr mode_t kPrivate = 0700;
constexpr int kLockTries = 100;
constexpr timespec kLockPause = {0, 50'000'000};
constexpr int kBacklog = 8;

Result<UniqueFd> open_private(const std::string& path) {
  if (mkdir(path.c_str(), kPrivate) != 0 && errno != EEXIST) return system_error(path);
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return system_error(path);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return system_error(path);
  if (status.st_uid != geteuid() || (status.st_mode & 077) != 0)
    return fail(path + " isn't a private directory of this user");
  return fd;
}

// By the descriptor: short enough for a socket's address, and nobody can exchange it.
sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof(address.sun_path) - 1));
  return address;
}

}  // namespace

Result<KeeperDirectory> KeeperDirectory::open(const std::string& home) {
  std::string reasons;
  for (const std::string& path :
       {"/tmp/ssh2incus-" + std::to_string(geteuid()), home + "/.ssh2incus"}) {
    auto fd = open_private(path);
    if (fd.ok()) return KeeperDirectory(std::move(*fd));
    reasons += (reasons.empty() ? "" : "; ") + fd.error().message;
  }
  return fail("no place for a session that stays: " + reasons);
}

std::string KeeperDirectory::socket_path() const {
  return "/proc/self/fd/" + std::to_string(fd_.get()) + "/session";
}

Result<UniqueFd> KeeperDirectory::lock() const {
  UniqueFd file(openat(fd_.get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return system_error("cannot lock the session");
  for (int tries = 0; tries < kLockTries; ++tries) {
    if (flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
    nanosleep(&kLockPause, nullptr);
  }
  return fail("the session is locked by another login");
}

Result<UniqueFd> KeeperDirectory::connect() const {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_error("socket");
  const sockaddr_un address = address_of(socket_path());
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return UniqueFd();
  if (!is_own_peer(socket.get())) return fail("the session's socket is another user's");
  return socket;
}

Result<UniqueFd> KeeperDirectory::listen() const {
  remove_socket();
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return system_error("socket");
  const sockaddr_un address = address_of(socket_path());
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    return system_error("cannot make the session's socket");
  }
  return socket;
}

KeeperDirectory KeeperDirectory::share() const {
  return KeeperDirectory(UniqueFd(fcntl(fd_.get(), F_DUPFD_CLOEXEC, 3)));
}

void KeeperDirectory::remove_socket() const { unlinkat(fd_.get(), "session", 0); }

bool is_own_peer(int socket) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == geteuid();
}

}  // namespace ssh2incus::guest
