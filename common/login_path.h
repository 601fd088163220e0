// The PATH that a login begins with, as Debian's login(1) has it.
#pragma once

#include <sys/types.h>

#include <string_view>

namespace ssh2incus {

constexpr std::string_view login_path(uid_t user) {
  return user == 0 ? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
                   : "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games";
}

}  // namespace ssh2incus
