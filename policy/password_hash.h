// What it costs to compute a password hash, read off its text (crypt(5)) before anybody computes
// it: a hostile instance may have written one that takes gigabytes or hours. Whether a method is
// strong enough is libxcrypt's to say (crypt_checksalt); this says only what is affordable.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/result.h"

namespace ssh2incus {

inline constexpr std::uint64_t kMaxHashMemory = 128ULL * 1024 * 1024;
inline constexpr std::uint32_t kMaxShaRounds = 1'000'000;
inline constexpr std::uint32_t kMaxBcryptCost = 14;

// The error says why the hash won't be computed: a method that isn't known here, or too expensive.
Status check_hash_cost(std::string_view hash);

}  // namespace ssh2incus
