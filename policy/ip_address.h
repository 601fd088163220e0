// IP addresses, networks and OpenSSH's address lists (CIDR, wildcards, negation), without any name
// lookup. Fed by the peer's address and by what administrators and users write.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/result.h"

namespace ssh2incus {

// An IPv4 or IPv6 address. An IPv4-mapped IPv6 address is the IPv4 address; a scope is dropped.
class IpAddress {
 public:
  static std::optional<IpAddress> parse(std::string_view text);
  // 4 or 16, in network order.
  static std::optional<IpAddress> of_bytes(std::span<const std::uint8_t> bytes);

  [[nodiscard]] bool is_ipv6() const { return ipv6_; }
  [[nodiscard]] unsigned width() const { return ipv6_ ? 128 : 32; }
  // The address with everything after the first bits set to zero.
  [[nodiscard]] IpAddress masked(unsigned bits) const;
  // 4 or 16, in network order.
  [[nodiscard]] std::span<const std::uint8_t> bytes() const {
    return std::span(bytes_).first(width() / 8);
  }
  [[nodiscard]] std::string text() const;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  bool ipv6_ = false;
  std::array<std::uint8_t, 16> bytes_{};
};

struct IpNetwork {
  // "10.0.0.0/8", "fe80::/10" or one address. A mask that is too long, or that leaves bits of the
  // host set, is an error, as with OpenSSH.
  static Result<IpNetwork> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& address) const;

  IpAddress address;
  unsigned bits = 0;
};

enum class AddressMatch : std::uint8_t { kNoMatch, kMatch, kNegatedMatch };

// The reason why a comma-separated list is malformed; empty if it isn't.
std::string why_not_address_list(std::string_view list);
// Entries are networks, addresses or patterns of '*' and '?' on the address's text, each perhaps
// with '!' before it; a negated match wins over all others. A host name matches no address. A
// malformed list matches nothing.
AddressMatch match_address_list(const IpAddress& address, std::string_view list);

}  // namespace ssh2incus
