// What comes here is root's: the service manager's environment, or a server of root's. A mistake in
// it is an error all the same.
#include "monitor/inherited_sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "monitor/listening_sockets.h"

namespace ssh2incus {
namespace {

constexpr int kFirstActivationFd = 3;  // SD_LISTEN_FDS_START
constexpr int kMostSockets = 64;

struct BoundAddress {
  sockaddr_storage address{};
  socklen_t length = 0;
};

std::optional<BoundAddress> bound_address(const UniqueFd& socket) {
  BoundAddress bound;
  bound.length = sizeof(bound.address);
  if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound.address), &bound.length) != 0)
    return std::nullopt;
  return bound;
}

std::optional<int> number_of(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  const std::string_view digits(text);
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

int option_of(int fd, int name) {
  int value = -1;
  socklen_t length = sizeof(value);
  return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

Status prepare(int fd) {
  const std::string name = "the service manager's descriptor " + std::to_string(fd);
  const int family = option_of(fd, SO_DOMAIN);
  const bool known = family == AF_INET || family == AF_INET6 || family == AF_UNIX;
  if (!known || option_of(fd, SO_TYPE) != SOCK_STREAM || option_of(fd, SO_ACCEPTCONN) != 1) {
    return fail(name + " is no listening stream socket (Accept=no, ListenStream=)");
  }
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return system_error(name);
  }
  return {};
}

bool same_address(const BoundAddress& bound, const sockaddr& address, socklen_t length) {
  if (bound.address.ss_family != address.sa_family) return false;
  if (address.sa_family == AF_INET) {
    const auto& one = reinterpret_cast<const sockaddr_in&>(bound.address);
    const auto& other = reinterpret_cast<const sockaddr_in&>(address);
    return one.sin_port == other.sin_port && one.sin_addr.s_addr == other.sin_addr.s_addr;
  }
  if (address.sa_family == AF_INET6) {
    const auto& one = reinterpret_cast<const sockaddr_in6&>(bound.address);
    const auto& other = reinterpret_cast<const sockaddr_in6&>(address);
    return one.sin6_port == other.sin6_port && one.sin6_scope_id == other.sin6_scope_id &&
           std::memcmp(&one.sin6_addr, &other.sin6_addr, sizeof(in6_addr)) == 0;
  }
  const auto& one = reinterpret_cast<const sockaddr_un&>(bound.address);
  const auto& other = reinterpret_cast<const sockaddr_un&>(address);
  return length > sizeof(sa_family_t) && std::string_view(one.sun_path) == other.sun_path;
}

}  // namespace

Result<std::vector<UniqueFd>> activation_sockets() {
  const auto pid = number_of("LISTEN_PID");
  const auto count = number_of("LISTEN_FDS");
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(name);
  std::vector<UniqueFd> sockets;
  if (!pid || !count || *pid != getpid() || *count <= 0) return sockets;
  if (*count > kMostSockets) return fail("the service manager has passed too many sockets");
  for (int fd = kFirstActivationFd; fd < kFirstActivationFd + *count; ++fd) {
    TRY(prepare(fd));
    sockets.emplace_back(fd);
  }
  return sockets;
}

std::optional<UniqueFd> take_bound_to(std::vector<UniqueFd>& sockets, const sockaddr& address,
                                      unsigned length) {
  const auto found = std::ranges::find_if(sockets, [&](const UniqueFd& socket) {
    const auto bound = bound_address(socket);
    return bound && same_address(*bound, address, length);
  });
  if (found == sockets.end()) return std::nullopt;
  UniqueFd taken = std::move(*found);
  sockets.erase(found);
  return taken;
}

std::string listen_text(const UniqueFd& socket) {
  const auto bound = bound_address(socket);
  if (!bound) return "unknown";
  if (bound->address.ss_family == AF_UNIX) {
    return std::string("unix:") + reinterpret_cast<const sockaddr_un&>(bound->address).sun_path;
  }
  return to_text(endpoint_of(bound->address));
}

}  // namespace ssh2incus
