// Looks our own users up, at the start of the listener.
#include "monitor/system_users.h"

#include "monitor/host_lookup.h"

namespace ssh2incus {

Result<SystemUser> find_system_user(const std::string& name) {
  const HostUser user = TRY(HostUser::parse(name));
  const HostUserRecord record = TRY(look_up_host_user(user));
  if (!record.found) {
    return fail("there is no user " + name + " on this host; make it with: useradd --system " +
                "--user-group --no-create-home --shell /usr/sbin/nologin " + name);
  }
  if (record.uid == 0 || record.gid == 0) return fail("user " + name + " must not be root");
  return SystemUser{record.uid, record.gid};
}

}  // namespace ssh2incus
