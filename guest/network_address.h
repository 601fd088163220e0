// An IPv4 or IPv6 address with what connect(), bind() and people want of it. Fed by sessiond and by
// the instance's files and name services.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ssh2incus::guest {

struct SocketName {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

struct NetworkAddress {
  std::array<std::uint8_t, 16> storage{};
  bool ipv6 = false;
  std::uint32_t scope = 0;  // of a link-local address: the interface

  // "192.0.2.1", "2001:db8::1", "fe80::1%eth0"; in brackets too.
  static std::optional<NetworkAddress> parse(std::string_view text);
  static std::optional<NetworkAddress> of_bytes(std::span<const std::uint8_t> bytes);

  [[nodiscard]] std::span<const std::uint8_t> bytes() const {
    return std::span(storage).first(ipv6 ? 16 : 4);
  }
  [[nodiscard]] int family() const { return ipv6 ? AF_INET6 : AF_INET; }
  [[nodiscard]] std::string text() const;
  [[nodiscard]] SocketName with_port(std::uint16_t port) const;
  friend bool operator==(const NetworkAddress&, const NetworkAddress&) = default;
};

// Of a connected or bound TCP socket's name; none for other families.
std::optional<NetworkAddress> address_of(const SocketName& name);
std::uint16_t port_of(const SocketName& name);

}  // namespace ssh2incus::guest
