// getaddrinfo(3), with fewer and shorter tries than resolv.conf may say: somebody waits.
#include "gateway/network_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace ssh2incus {
namespace {

constexpr const char* kResolverOptions = "timeout:2 attempts:2";
constexpr unsigned kMostSeconds = 15;  // then the process ends
constexpr std::size_t kMaxAddresses = 8;

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

std::string numeric(const addrinfo& entry) {
  std::array<char, INET6_ADDRSTRLEN + 16> text{};
  if (getnameinfo(entry.ai_addr, entry.ai_addrlen, text.data(), text.size(), nullptr, 0,
                  NI_NUMERICHOST) != 0) {
    return {};
  }
  return text.data();
}

}  // namespace

NetworkServer look_up_server(const std::string& host, std::uint16_t port) {
  NetworkServer server{host, port, {}, {}};
  setenv("RES_OPTIONS", kResolverOptions, 1);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  std::array<char, sizeof(in6_addr)> literal{};
  if (inet_pton(AF_INET, host.c_str(), literal.data()) == 1 ||
      inet_pton(AF_INET6, host.c_str(), literal.data()) == 1) {
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  }
  alarm(kMostSeconds);
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  alarm(0);
  if (error != 0) {
    server.failure = gai_strerror(error);
    return server;
  }
  const std::unique_ptr<addrinfo, FreeAddresses> list(found);
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    NetworkAddress address;
    if (entry->ai_addrlen > sizeof(address.address)) continue;
    std::memcpy(&address.address, entry->ai_addr, entry->ai_addrlen);
    address.size = entry->ai_addrlen;
    address.text = numeric(*entry);
    if (!address.text.empty() && server.addresses.size() < kMaxAddresses)
      server.addresses.push_back(std::move(address));
  }
  if (server.addresses.empty()) server.failure = "it has no address";
  return server;
}

}  // namespace ssh2incus
