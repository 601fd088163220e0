// See host_addresses.h.
#include "monitor/host_addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <array>
#include <cstring>
#include <memory>

namespace ssh2incus {
namespace {

struct Release {
  void operator()(ifaddrs* list) const { freeifaddrs(list); }
};

std::optional<IpAddress> address_of(const sockaddr* name) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (name == nullptr) return std::nullopt;
  if (name->sa_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, name, sizeof(address));
    inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
  } else if (name->sa_family == AF_INET6) {
    sockaddr_in6 address{};
    std::memcpy(&address, name, sizeof(address));
    inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
  }
  return IpAddress::parse(text.data());
}

}  // namespace

Result<std::vector<IpAddress>> host_addresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return system_error("cannot list the host's addresses");
  const std::unique_ptr<ifaddrs, Release> owner(list);
  std::vector<IpAddress> addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (const auto address = address_of(entry->ifa_addr)) addresses.push_back(*address);
  }
  return addresses;
}

}  // namespace ssh2incus
