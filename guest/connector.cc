// See connector.h.
#include "guest/connector.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/forward_rules.h"
#include "guest/name_answers.h"
#include "guest/unix_socket.h"

namespace ssh2incus::guest {
namespace {

constexpr std::chrono::seconds kAll{60};          // with the lookup
constexpr std::chrono::seconds kOneOfSeveral{5};  // before the next address is tried

int take_socket_error(const UniqueFd& socket) {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

bool is_connected(const UniqueFd& socket) {
  SocketName peer;
  return getpeername(socket.get(), peer.get(), &peer.length) == 0;
}

}  // namespace

Connector::Connector(const ForwardGrant& grant, OpenConnection wish)
    : grant_(grant), wish_(std::move(wish)), end_(Clock::now() + kAll) {}

int Connector::fd() const { return lookup_ ? lookup_->fd() : attempt_.get(); }
short Connector::events() const { return lookup_ ? POLLIN : POLLOUT; }
Connector::Clock::time_point Connector::deadline() const {
  return lookup_ || !begun_ ? end_ : std::min(end_, attempt_end_);
}

Connector::Outcome Connector::refused(OpenFailure reason, const std::string& text) const {
  return OpenFailed{truncated<limits::kMaxUserMessage>(text), reason};
}

bool Connector::needs_lookup() const {
  return wish_.path.empty() && !wish_.host.empty() && !NetworkAddress::parse(*wish_.host);
}

std::optional<Connector::Outcome> Connector::advance() {
  if (Clock::now() >= end_) return refused(OpenFailure::kConnectFailed, "Connection timed out");
  if (!std::exchange(begun_, true)) return begin();
  if (lookup_) {
    if (!lookup_->read()) return std::nullopt;
    auto addresses = lookup_->addresses();
    lookup_.reset();
    return take_addresses(std::move(addresses));
  }
  return check_attempt();
}

std::optional<Connector::Outcome> Connector::begin() {
  const bool has_nul =
      wish_.host->find('\0') != std::string::npos || wish_.path->find('\0') != std::string::npos;
  if (has_nul) return refused(OpenFailure::kConnectFailed, "a NUL byte in a name");
  if (const auto reason = why_not_connect(grant_, wish_); !reason.empty()) {
    return refused(OpenFailure::kProhibited, reason);
  }
  if (!wish_.path.empty()) return connect_path();
  const std::string& host = *wish_.host;
  if (host.empty()) {
    return take_addresses({*NetworkAddress::parse("127.0.0.1"), *NetworkAddress::parse("::1")});
  }
  if (const auto address = NetworkAddress::parse(host)) return take_addresses({*address});
  if (!is_host_name(host)) return refused(OpenFailure::kConnectFailed, "not a host name");
  auto lookup = NameLookup::start(host);
  if (!lookup.ok()) return refused(OpenFailure::kResourceShortage, lookup.error().message);
  lookup_.emplace(std::move(lookup).value());
  child_ = lookup_->pid();
  return std::nullopt;
}

Connector::Outcome Connector::connect_path() {
  auto connection = connect_unix(*wish_.path, grant_.incus_sockets);
  if (connection.socket.valid()) return std::move(connection.socket);
  if (connection.denied) {
    return refused(OpenFailure::kProhibited, "Incus's own sockets are not allowed here");
  }
  return refused(OpenFailure::kConnectFailed, std::strerror(connection.error));
}

std::optional<Connector::Outcome> Connector::take_addresses(std::vector<NetworkAddress> addresses) {
  if (addresses.empty()) {
    return refused(OpenFailure::kConnectFailed, "name not found: " + *wish_.host);
  }
  std::string reason;
  std::erase_if(addresses, [&](const NetworkAddress& address) {
    const auto why_not = why_not_address(grant_, address.bytes(), wish_.port);
    if (!why_not.empty()) reason = why_not;
    return !why_not.empty();
  });
  if (addresses.empty()) return refused(OpenFailure::kProhibited, reason);
  std::reverse(addresses.begin(), addresses.end());
  addresses_ = std::move(addresses);
  return try_next();
}

std::optional<Connector::Outcome> Connector::try_next() {
  while (!addresses_.empty()) {
    const NetworkAddress address = addresses_.back();
    addresses_.pop_back();
    attempt_.reset(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!attempt_.valid()) {
      last_error_ = errno;
      continue;
    }
    const int on = 1;
    setsockopt(attempt_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // as OpenSSH
    attempt_end_ = addresses_.empty() ? end_ : Clock::now() + kOneOfSeveral;
    const SocketName name = address.with_port(wish_.port);
    if (connect(attempt_.get(), name.get(), name.length) == 0) return std::move(attempt_);
    if (errno == EINPROGRESS) return std::nullopt;
    last_error_ = errno;
  }
  const bool shortage = last_error_ == EMFILE || last_error_ == ENFILE || last_error_ == ENOBUFS;
  return refused(shortage ? OpenFailure::kResourceShortage : OpenFailure::kConnectFailed,
                 std::strerror(last_error_));
}

std::optional<Connector::Outcome> Connector::check_attempt() {
  last_error_ = take_socket_error(attempt_);
  if (last_error_ == 0 && is_connected(attempt_)) return std::move(attempt_);
  if (last_error_ == 0 && Clock::now() < attempt_end_) return std::nullopt;
  if (last_error_ == 0) last_error_ = ETIMEDOUT;
  return try_next();
}

}  // namespace ssh2incus::guest
