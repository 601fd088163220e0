// Random early drop of new connections. The texts come from the administrator.
#include "policy/startups.h"

#include <array>
#include <charconv>

#include "common/escape.h"

namespace ssh2incus {

Result<MaxStartups> parse_max_startups(std::string_view text) {
  const Error malformed{quoted(text) + " isn't BEGIN:RATE:FULL or one number"};
  std::array<unsigned, 3> numbers{};
  std::size_t count = 0;
  for (std::string_view rest = text;; ++count) {
    if (count == numbers.size()) return malformed;
    const std::size_t colon = rest.find(':');
    const std::string_view part = rest.substr(0, colon);
    const char* end = part.data() + part.size();
    const auto [stopped, error] = std::from_chars(part.data(), end, numbers[count]);
    if (part.empty() || error != std::errc() || stopped != end) return malformed;
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  if (count == 1) return malformed;
  if (count == 0) numbers = {numbers[0], 100, numbers[0]};
  const MaxStartups limits{numbers[0], numbers[1], numbers[2]};
  if (limits.begin < 1 || limits.begin > limits.full || limits.full > 1'000'000) {
    return fail(quoted(text) + ": must be 1 <= BEGIN <= FULL <= 1000000");
  }
  if (limits.rate < 1 || limits.rate > 100) return fail(quoted(text) + ": RATE must be 1 to 100");
  return limits;
}

bool drops_startup(const MaxStartups& limits, unsigned unauthenticated, std::uint32_t random) {
  if (unauthenticated < limits.begin) return false;
  if (unauthenticated >= limits.full || limits.rate >= 100) return true;
  // rate percent at begin, rising evenly to 100 percent at full; scaled to the random number's
  // range.
  const std::uint64_t span = limits.full - limits.begin;
  const std::uint64_t above = unauthenticated - limits.begin;
  const std::uint64_t numerator = limits.rate * span + (100 - limits.rate) * above;
  return static_cast<std::uint64_t>(random) * 100 * span < (numerator << 32);
}

IpAddress SourceStartups::block_of(const IpAddress& source) const {
  return source.masked(source.is_ipv6() ? ipv6_bits_ : ipv4_bits_);
}

bool SourceStartups::try_add(const std::optional<IpAddress>& source) {
  if (!source) return true;
  unsigned& count = counts_[block_of(*source)];
  if (most_ != 0 && count >= most_) return false;
  ++count;
  return true;
}

void SourceStartups::remove(const std::optional<IpAddress>& source) {
  if (!source) return;
  const auto found = counts_.find(block_of(*source));
  if (found == counts_.end()) return;
  if (--found->second == 0) counts_.erase(found);
}

}  // namespace ssh2incus
