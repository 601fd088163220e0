// What name services say, taken apart: /etc/hosts, /etc/resolv.conf, `getent ahosts` and DNS
// messages. Pure; fed by the instance's files and by whoever answers on its network.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/bounded.h"
#include "guest/network_address.h"

namespace ssh2incus::guest {

inline constexpr std::size_t kMaxAddresses = 32;  // of one name

// A name that may be looked up: no empty or overlong label, nothing unprintable, no option.
bool is_host_name(std::string_view name);

// The addresses of a name in a file as hosts(5) describes it.
std::vector<NetworkAddress> find_in_hosts(std::string_view hosts, std::string_view name);
// What `getent ahosts` has printed.
std::vector<NetworkAddress> parse_ahosts(std::string_view output);

struct ResolverSettings {
  std::vector<NetworkAddress> servers;  // 127.0.0.1 if the file names none
  std::vector<std::string> search;
};
ResolverSettings parse_resolv_conf(std::string_view text);

enum class DnsType : std::uint16_t { kA = 1, kAaaa = 28 };
// A query (RFC 1035 §4.1) for the name, which is_host_name().
Bytes dns_query(std::uint16_t id, std::string_view name, DnsType type);

struct DnsAnswer {
  bool failed = false;  // the server couldn't answer: another may
  std::vector<NetworkAddress> addresses;
};
// None: no answer to that query.
std::optional<DnsAnswer> parse_dns_answer(std::span<const std::uint8_t> message,
                                          std::span<const std::uint8_t> query);

}  // namespace ssh2incus::guest
