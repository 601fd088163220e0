// Finds the user that the grant names, and becomes that user for good. Reads the instance's own
// files, or asks its `getent` (as root, with a time limit) about users that come from elsewhere.
#pragma once

#include <optional>
#include <string>

#include "common/account_files.h"
#include "common/result.h"

namespace ssh2incus::guest {

// With all supplementary groups; none if there is no such user.
Result<std::optional<Account>> resolve_account(const std::string& name);

// Groups, gid and uid: real, effective and saved; verified. Then no debugger of the same user can
// attach. Does nothing but check if the process runs as that user already (tests).
Status become(const Account& account);

// The bytes of a file, as far as the limit; none if it can't be read or isn't a regular file.
std::optional<std::string> read_small_file(const char* path, std::size_t limit);

}  // namespace ssh2incus::guest
