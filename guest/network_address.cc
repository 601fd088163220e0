// See network_address.h.
#include "guest/network_address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace ssh2incus::guest {

std::optional<NetworkAddress> NetworkAddress::of_bytes(std::span<const std::uint8_t> bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
  NetworkAddress address;
  address.ipv6 = bytes.size() == 16;
  std::copy(bytes.begin(), bytes.end(), address.storage.begin());
  return address;
}

std::optional<NetworkAddress> NetworkAddress::parse(std::string_view text) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
  }
  const auto percent = text.find('%');
  const std::string host(text.substr(0, percent));
  if (host.find('\0') != std::string::npos) return std::nullopt;
  NetworkAddress address;
  if (percent == std::string_view::npos &&
      inet_pton(AF_INET, host.c_str(), address.storage.data()) == 1) {
    return address;
  }
  address.ipv6 = true;
  if (inet_pton(AF_INET6, host.c_str(), address.storage.data()) != 1) return std::nullopt;
  if (percent != std::string_view::npos) {
    address.scope = if_nametoindex(std::string(text.substr(percent + 1)).c_str());
    if (address.scope == 0) return std::nullopt;
  }
  return address;
}

std::string NetworkAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  inet_ntop(family(), storage.data(), buffer.data(), buffer.size());
  return buffer.data();
}

SocketName NetworkAddress::with_port(std::uint16_t port) const {
  SocketName name;
  if (ipv6) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    address.sin6_scope_id = scope;
    std::memcpy(&address.sin6_addr, storage.data(), 16);
    std::memcpy(&name.storage, &address, sizeof(address));
    name.length = sizeof(address);
  } else {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    std::memcpy(&address.sin_addr, storage.data(), 4);
    std::memcpy(&name.storage, &address, sizeof(address));
    name.length = sizeof(address);
  }
  return name;
}

std::optional<NetworkAddress> address_of(const SocketName& name) {
  NetworkAddress result;
  if (name.storage.ss_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, &name.storage, sizeof(address));
    std::memcpy(result.storage.data(), &address.sin_addr, 4);
    return result;
  }
  if (name.storage.ss_family != AF_INET6) return std::nullopt;
  sockaddr_in6 address{};
  std::memcpy(&address, &name.storage, sizeof(address));
  result.ipv6 = true;
  result.scope = address.sin6_scope_id;
  std::memcpy(result.storage.data(), &address.sin6_addr, 16);
  return result;
}

std::uint16_t port_of(const SocketName& name) {
  if (name.storage.ss_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, &name.storage, sizeof(address));
    return ntohs(address.sin_port);
  }
  if (name.storage.ss_family != AF_INET6) return 0;
  sockaddr_in6 address{};
  std::memcpy(&address, &name.storage, sizeof(address));
  return ntohs(address.sin6_port);
}

}  // namespace ssh2incus::guest
