// The name's share comes from a hash of it (FNV-1a).
#include "policy/failure_time.h"

#include <algorithm>
#include <cstdint>

namespace ssh2incus {

std::chrono::nanoseconds failure_time(std::string_view login, std::chrono::milliseconds least,
                                      std::chrono::nanoseconds spent) {
  std::uint32_t hash = 2166136261U;
  for (const char c : login) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  const std::int64_t range = std::max<std::int64_t>(5, least.count() / 8);
  std::chrono::nanoseconds time = least + std::chrono::milliseconds(hash % range);
  while (time < spent) time *= 2;
  return time;
}

}  // namespace ssh2incus
