// See listener.h.
#include "guest/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/forward_rules.h"
#include "guest/unix_socket.h"

namespace ssh2incus::guest {
namespace {

constexpr int kBacklog = 128;
constexpr mode_t kPathMask = 0177;

std::vector<NetworkAddress> both(const char* ipv4, const char* ipv6) {
  return {*NetworkAddress::parse(ipv4), *NetworkAddress::parse(ipv6)};
}

Result<UniqueFd> listen_on(const NetworkAddress& address, std::uint16_t port) {
  UniqueFd socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_error("cannot make a socket");
  const int on = 1;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.ipv6) setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  const SocketName name = address.with_port(port);
  if (bind(socket.get(), name.get(), name.length) != 0 || listen(socket.get(), kBacklog) != 0) {
    return system_error("cannot listen on " + address.text() + " port " + std::to_string(port));
  }
  return socket;
}

}  // namespace

std::vector<NetworkAddress> addresses_to_listen_on(GatewayPorts rule, std::string_view wanted) {
  const auto loopback = both("127.0.0.1", "::1");
  const auto everywhere = both("0.0.0.0", "::");
  switch (rule) {
    case GatewayPorts::kYes: return everywhere;
    case GatewayPorts::kNo:
      if (wanted == "127.0.0.1" || wanted == "::1") return {*NetworkAddress::parse(wanted)};
      return loopback;
    case GatewayPorts::kClientSpecified: break;
  }
  if (wanted.empty() || wanted == "*") return everywhere;
  if (wanted == "localhost") return loopback;
  const auto address = NetworkAddress::parse(wanted);
  return address ? std::vector{*address} : std::vector<NetworkAddress>();
}

Listener::Outcome Listener::open(const ForwardGrant& grant, const OpenListener& wish) {
  const auto refusal = [](OpenFailure reason, const std::string& text) {
    return OpenFailed{truncated<limits::kMaxUserMessage>(text), reason};
  };
  const bool has_nul =
      wish.host->find('\0') != std::string::npos || wish.path->find('\0') != std::string::npos;
  if (has_nul) return refusal(OpenFailure::kConnectFailed, "a NUL byte in a name");
  if (const auto reason = why_not_listen(grant, wish); !reason.empty()) {
    return refusal(OpenFailure::kProhibited, reason);
  }
  auto listener =
      wish.path.empty()
          ? on_addresses(addresses_to_listen_on(grant.gateway_ports, *wish.host), wish.port)
          : on_path(*wish.path);
  if (!listener.ok()) return refusal(OpenFailure::kConnectFailed, listener.error().message);
  return std::move(listener).value();
}

Result<Listener> Listener::on_loopback(std::uint16_t port) {
  return on_addresses(both("127.0.0.1", "::1"), port);
}

// One address of several is enough: there may be no IPv6.
Result<Listener> Listener::on_addresses(const std::vector<NetworkAddress>& addresses,
                                        std::uint16_t port) {
  Listener listener;
  listener.port_ = port;
  Error error = fail("not an address to listen on");
  for (const auto& address : addresses) {
    auto socket = listen_on(address, listener.port_);
    if (!socket.ok()) {
      error = socket.error();
      continue;
    }
    SocketName bound;
    if (getsockname(socket->get(), bound.get(), &bound.length) == 0) {
      listener.port_ = port_of(bound);
    }
    listener.sockets_.push_back(std::move(*socket));
  }
  if (listener.sockets_.empty()) return error;
  return listener;
}

Result<Listener> Listener::on_path(const std::string& path) {
  const auto name = TRY(unix_socket_name(path));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_error("cannot make a socket");
  const mode_t before = umask(kPathMask);
  const int bound = bind(socket.get(), name.get(), name.length);
  const int error = errno;
  umask(before);
  if (bound != 0) return system_error("cannot listen on " + path, error);
  struct stat status {};
  Listener listener;
  if (lstat(path.c_str(), &status) == 0) {
    listener.path_ = path;
    listener.device_ = status.st_dev;
    listener.inode_ = status.st_ino;
  }
  if (listen(socket.get(), kBacklog) != 0) return system_error("cannot listen on " + path);
  listener.sockets_.push_back(std::move(socket));
  return listener;
}

Listener::~Listener() {
  if (path_.empty() || sockets_.empty()) return;
  struct stat status {};
  const bool ours =
      lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
  if (ours) unlink(path_.c_str());
}

std::optional<Listener::Peer> Listener::accept() const {
  for (const auto& listening : sockets_) {
    SocketName name;
    Peer peer;
    peer.socket.reset(
        accept4(listening.get(), name.get(), &name.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!peer.socket.valid()) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) return std::nullopt;
      continue;
    }
    if (const auto address = address_of(name)) {
      const int on = 1;
      setsockopt(peer.socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      peer.address = address->text();
      peer.port = port_of(name);
    }
    return peer;
  }
  return std::nullopt;
}

}  // namespace ssh2incus::guest
