// How many connections may be unauthenticated at once: OpenSSH's MaxStartups with random early
// drop, and PerSourceMaxStartups. The count and the random number are the caller's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "common/result.h"
#include "policy/ip_address.h"

namespace ssh2incus {

struct MaxStartups {
  unsigned begin = 10;  // from so many on, rate percent are dropped, rising to
  unsigned rate = 30;
  unsigned full = 100;  // so many, from which all are
  friend bool operator==(const MaxStartups&, const MaxStartups&) = default;
};

// "begin:rate:full" or "full".
Result<MaxStartups> parse_max_startups(std::string_view text);

// Whether to drop a new connection while so many others are unauthenticated; random is uniform in
// [0, 2^32).
bool drops_startup(const MaxStartups& limits, unsigned unauthenticated, std::uint32_t random);

// Unauthenticated connections by source block (IPv4 /32, IPv6 /64). Those without an address are no
// source and not counted; MaxStartups is for all.
class SourceStartups {
 public:
  // most: 0 is no limit.
  explicit SourceStartups(unsigned most, unsigned ipv4_bits = 32, unsigned ipv6_bits = 64)
      : most_(most), ipv4_bits_(ipv4_bits), ipv6_bits_(ipv6_bits) {}

  void limit_to(unsigned most) { most_ = most; }

  // Counts a connection, unless its source has as many as it may have.
  bool try_add(const std::optional<IpAddress>& source);
  // One that was counted has authenticated or ended.
  void remove(const std::optional<IpAddress>& source);

 private:
  [[nodiscard]] IpAddress block_of(const IpAddress& source) const;

  unsigned most_;
  unsigned ipv4_bits_;
  unsigned ipv6_bits_;
  std::map<IpAddress, unsigned> counts_;
};

}  // namespace ssh2incus
