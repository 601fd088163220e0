// Users of the host, from NSS: whatever /etc/passwd, LDAP or systemd say. Runs in the attendant.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/names.h"
#include "common/result.h"

namespace ssh2incus {

struct HostUserRecord {
  bool found = false;
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> group_ids;  // primary and supplementary, at most limits::kMaxGroups
  std::vector<std::string> group_names;
  std::string home;
  std::string shell;
  std::string doubt;  // not found, but a database had an error: it may be that it didn't answer
};

// An unknown user gives a record with found == false that belongs to "nobody" and has no home, so
// that what follows takes the same course. A failing database is an error.
Result<HostUserRecord> look_up_host_user(const HostUser& user);

}  // namespace ssh2incus
