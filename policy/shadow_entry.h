// A user's line of shadow(5), and what it says about logging in today: as pam_unix judges it, but
// where that would ask for a new password at once, the password is refused. Fed by the files of
// instances, which may hold anything: a line that isn't exactly right is nobody's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace ssh2incus {

// Days are counted from 1970; an empty field sets no limit.
struct ShadowEntry {
  std::string hash;
  std::optional<std::uint32_t> last_change;
  std::optional<std::uint32_t> maximum_age;
  std::optional<std::uint32_t> inactivity;  // after maximum_age
  std::optional<std::uint32_t> expiry;
  friend bool operator==(const ShadowEntry&, const ShadowEntry&) = default;
};

// The first line with that name counts, as it does for everybody else. An error: it is malformed.
Result<std::optional<ShadowEntry>> find_shadow_entry(std::string_view shadow,
                                                     std::string_view name);

// Whether the account may be used at all, by a key or a password.
Status check_account_age(const ShadowEntry& entry, std::int64_t now_unix);
// Whether its password may be used: neither locked, empty, too old, nor to be changed at once.
Status check_password_age(const ShadowEntry& entry, std::int64_t now_unix);

}  // namespace ssh2incus
