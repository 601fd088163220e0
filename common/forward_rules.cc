// See forward_rules.h. Wishes come from the client, patterns from administrators and users.
#include "common/forward_rules.h"

#include <algorithm>
#include <array>

namespace ssh2incus {
namespace {

constexpr std::string_view kAny = "*";

struct SplitPattern {
  std::string_view host;
  std::string_view port;  // empty: the pattern has none
};

std::string_view without_brackets(std::string_view host) {
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  return bracketed ? host.substr(1, host.size() - 2) : host;
}

SplitPattern split(std::string_view pattern) {
  const auto colon = pattern.rfind(':');
  if (colon == std::string_view::npos) return {pattern, {}};
  return {without_brackets(pattern.substr(0, colon)), pattern.substr(colon + 1)};
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_host(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

bool port_matches(std::string_view pattern, std::uint16_t port) {
  return pattern == kAny || pattern == std::to_string(port);
}

// '*' and '?', without recursion: after a mismatch the last star takes one more.
bool host_matches(std::string_view pattern, std::string_view host) {
  std::size_t p = 0;
  std::size_t h = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resumed = 0;
  while (h < host.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resumed = h;
    } else if (p < pattern.size() && (pattern[p] == '?' || lower(pattern[p]) == lower(host[h]))) {
      ++p;
      ++h;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      h = ++resumed;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool any_permits(const ForwardPatterns& patterns, std::string_view host, std::uint16_t port) {
  return patterns.empty() || std::any_of(patterns.begin(), patterns.end(), [&](const auto& each) {
           return matches_permitted(*each, host, port);
         });
}

bool any_permits_path(const ForwardPatterns& patterns, std::string_view path) {
  return patterns.empty() || std::any_of(patterns.begin(), patterns.end(), [&](const auto& each) {
           return matches_permitted_path(*each, path);
         });
}

bool is_all_zero(std::span<const std::uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

// In the form that networks are compared in.
Bytes canonical(std::span<const std::uint8_t> address) {
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (address.size() == 16 && std::equal(kMapped.begin(), kMapped.end(), address.begin())) {
    address = address.subspan(kMapped.size());
  }
  Bytes bytes(address.begin(), address.end());
  if (!is_all_zero(bytes)) return bytes;
  if (bytes.size() == 4) return {127, 0, 0, 1};
  bytes.back() = 1;
  return bytes;
}

bool in_network(const DeniedNetwork& network, const Bytes& address) {
  const auto& base = *network.address;
  if (base.size() != address.size() || network.prefix_bits > base.size() * 8) return false;
  const std::size_t whole = network.prefix_bits / 8;
  const unsigned rest = network.prefix_bits % 8;
  if (!std::equal(base.begin(), base.begin() + static_cast<std::ptrdiff_t>(whole),
                  address.begin())) {
    return false;
  }
  return rest == 0 || (base[whole] ^ address[whole]) >> (8 - rest) == 0;
}

}  // namespace

bool matches_permitted(std::string_view pattern, std::string_view host, std::uint16_t port) {
  const auto [wanted, wanted_port] = split(pattern);
  return port_matches(wanted_port, port) &&
         (wanted == kAny || same_host(wanted, without_brackets(host)));
}

bool matches_permitted_path(std::string_view pattern, std::string_view path) {
  if (pattern == path) return true;
  const auto [wanted, port] = split(pattern);
  return port == kAny && (wanted == kAny || wanted == path);
}

bool matches_forward_to(std::string_view pattern, std::string_view host, std::uint16_t port) {
  const auto [wanted, wanted_port] = split(pattern);
  return port_matches(wanted_port, port) && host_matches(wanted, without_brackets(host));
}

std::string why_not_connect(const ForwardGrant& grant, const OpenConnection& wish) {
  if (!grant.local) return "forwarding to the instance is not allowed here";
  if (!wish.path.empty()) {
    // What the policy limits to hosts and ports includes no path.
    const bool policy =
        grant.local_to.empty() || std::any_of(grant.local_to.begin(), grant.local_to.end(),
                                              [&](const auto& each) { return *each == "*:*"; });
    if (policy && any_permits_path(grant.permit_open, *wish.path)) return {};
    return "forwarding to " + *wish.path + " is not allowed here";
  }
  const std::string& host = *wish.host;
  const bool policy =
      grant.local_to.empty() ||
      std::any_of(grant.local_to.begin(), grant.local_to.end(),
                  [&](const auto& each) { return matches_forward_to(*each, host, wish.port); });
  if (policy && any_permits(grant.permit_open, host, wish.port)) return {};
  return "forwarding to " + host + " port " + std::to_string(wish.port) + " is not allowed here";
}

std::string why_not_address(const ForwardGrant& grant, std::span<const std::uint8_t> address,
                            std::uint16_t port) {
  const Bytes bytes = canonical(address);
  for (const auto& network : grant.denied) {
    if ((network.port == 0 || network.port == port) && in_network(network, bytes)) {
      return "connections to this address are not allowed here";
    }
  }
  return {};
}

std::string why_not_listen(const ForwardGrant& grant, const OpenListener& wish) {
  if (!grant.remote) return "forwarding from the instance is not allowed here";
  if (!wish.path.empty()) {
    if (any_permits_path(grant.permit_listen, *wish.path)) return {};
    return "listening on " + *wish.path + " is not allowed here";
  }
  const bool policy = grant.remote_ports.empty() ||
                      std::any_of(grant.remote_ports.begin(), grant.remote_ports.end(),
                                  [&](const GrantedPorts& ports) {
                                    return wish.port >= ports.first && wish.port <= ports.last;
                                  });
  if (policy && any_permits(grant.permit_listen, *wish.host, wish.port)) return {};
  return "listening on port " + std::to_string(wish.port) + " is not allowed here";
}

}  // namespace ssh2incus
