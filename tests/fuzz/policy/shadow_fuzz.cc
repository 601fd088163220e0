// Lines of /etc/shadow and hashes in them, written by a hostile instance.
#include <cstdlib>

#include "policy/password_hash.h"
#include "policy/shadow_entry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ssh2incus;
  const std::string text(data, data + size);
  const auto entry = find_shadow_entry(text, "a");
  if (entry.ok() && *entry) {
    for (const std::int64_t now : {std::int64_t{0}, std::int64_t{1'700'000'000}}) {
      const bool password = check_password_age(**entry, now).ok();
      if (password && !check_account_age(**entry, now).ok()) std::abort();
      if (password && ((*entry)->hash.empty() || (*entry)->hash[0] == '!')) std::abort();
    }
    static_cast<void>(check_hash_cost((*entry)->hash));
  }
  static_cast<void>(check_hash_cost(text));
  return 0;
}
