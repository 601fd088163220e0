// The users that our sandboxed programs run as.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/result.h"

namespace ssh2incus {

struct SystemUser {
  uid_t uid = 0;
  gid_t gid = 0;
};

// A user of the account database that isn't root in any way.
Result<SystemUser> find_system_user(const std::string& name);

}  // namespace ssh2incus
