// /etc/passwd, /etc/group and getent's output, written by a hostile instance.
#include <cstdlib>

#include "common/account_files.h"
#include "common/limits.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ssh2incus;
  const std::string text(data, data + size);
  for (const auto* name : {"a", "root"}) {
    if (const auto account = find_account(text, name)) {
      if (account->name != name || account->uid == static_cast<uid_t>(-1)) std::abort();
      if (!is_usable_path(account->home) || !is_usable_path(account->shell)) std::abort();
    }
    for (const auto& groups : {groups_of(text, name), parse_initgroups(text, name)}) {
      if (groups.size() > ssh2incus::limits::kMaxGroups) std::abort();
      for (const auto group : groups) {
        if (group == static_cast<gid_t>(-1)) std::abort();
      }
    }
    find_group(text, name);
  }
  return 0;
}
