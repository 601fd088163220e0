// Opening the listening sockets. Fed by the administrator only.
#include "monitor/listening_sockets.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <memory>

#include "monitor/inherited_sockets.h"
#include "monitor/unix_listener.h"
#include "policy/listen_address.h"

namespace ssh2incus {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

Result<UniqueFd> listen_on(const addrinfo& entry, bool dual_stack, const std::string& name,
                           std::vector<UniqueFd>& open) {
  if (auto taken = take_bound_to(open, *entry.ai_addr, entry.ai_addrlen)) return std::move(*taken);
  UniqueFd fd(socket(entry.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return system_error("socket for " + name);
  const int on = 1;
  if (setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
    return system_error("SO_REUSEADDR");
  if (entry.ai_family == AF_INET6) {
    const int only = dual_stack ? 0 : 1;
    if (setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) != 0) {
      return system_error("IPV6_V6ONLY");
    }
  }
  if (bind(fd.get(), entry.ai_addr, entry.ai_addrlen) != 0)
    return system_error("can't listen on " + name);
  if (listen(fd.get(), 128) != 0) return system_error("listen on " + name);
  return fd;
}

Result<std::vector<UniqueFd>> open_tcp(const TcpListenAddress& parts, const std::string& listen,
                                       std::vector<UniqueFd>& open) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_family = AF_UNSPEC;
  addrinfo* raw = nullptr;
  const char* host = parts.host.empty() ? nullptr : parts.host.c_str();
  if (const int code = getaddrinfo(host, parts.port.c_str(), &hints, &raw); code != 0) {
    return fail("'" + listen + "': " + gai_strerror(code));
  }
  const std::unique_ptr<addrinfo, FreeAddresses> list(raw);
  std::vector<UniqueFd> sockets;
  if (host == nullptr) {
    // One dual-stack socket; plain IPv4 where the machine has no IPv6.
    for (const int family : {AF_INET6, AF_INET}) {
      for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
        if (entry->ai_family != family || !sockets.empty()) continue;
        auto fd = listen_on(*entry, true, listen, open);
        if (fd.ok()) {
          sockets.push_back(std::move(*fd));
        } else if (family == AF_INET) {
          return fd.error();
        }
      }
    }
    if (sockets.empty()) return fail("can't listen on " + listen);
    return sockets;
  }
  for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    sockets.push_back(TRY(listen_on(*entry, false, listen, open)));
  }
  return sockets;
}

}  // namespace

Result<std::vector<UniqueFd>> open_listening_sockets(const std::string& listen,
                                                     std::vector<UniqueFd>& open) {
  const ListenAddress address = TRY(parse_listen_address(listen));
  if (const auto* tcp = std::get_if<TcpListenAddress>(&address)) {
    return open_tcp(*tcp, listen, open);
  }
  std::vector<UniqueFd> sockets;
  sockets.push_back(TRY(open_unix_socket(std::get<UnixListenAddress>(address), open)));
  return sockets;
}

Endpoint endpoint_of(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return {text.data(), ntohs(v4.sin_port)};
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
    } else {
      inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    }
    return {text.data(), ntohs(v6.sin6_port)};
  }
  return {};
}

std::string to_text(const Endpoint& endpoint) {
  if (endpoint.address == Endpoint{}.address) return "unknown";
  const bool v6 = endpoint.address.find(':') != std::string::npos;
  return (v6 ? "[" + endpoint.address + "]" : endpoint.address) + ":" +
         std::to_string(endpoint.port);
}

}  // namespace ssh2incus
