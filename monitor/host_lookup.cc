// Asks NSS, with buffers that grow up to a bound. Names and paths come from the host's databases.
#include "monitor/host_lookup.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>

#include "common/limits.h"
#include "monitor/ipc_attendant.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kFirstBuffer = 4096;
constexpr std::size_t kLastBuffer = 4UL * 1024 * 1024;  // a group with very many members
constexpr uid_t kNobody = 65534;

// Calls one of the *_r functions with ever larger buffers. Returns its error number, 0 if it
// answered (perhaps that there is none).
template <typename Call>
int with_buffer(std::vector<char>& buffer, Call call) {
  for (std::size_t size = kFirstBuffer;; size *= 4) {
    buffer.resize(size);
    const int error = call(buffer);
    if (error == EINTR) continue;
    if (error != ERANGE || size >= kLastBuffer) return error;
  }
}

// Some databases say "no such user" with an error number; getpwnam_r(3) lists these. Others,
// glibc's LDAP modules among them, say "the server is down" with the same numbers.
bool means_absent(int error) {
  return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

std::string group_name(gid_t gid) {
  std::vector<char> buffer;
  group entry{};
  group* found = nullptr;
  const int error = with_buffer(buffer, [&](std::vector<char>& space) {
    return getgrgid_r(gid, &entry, space.data(), space.size(), &found);
  });
  return error == 0 && found != nullptr ? std::string(found->gr_name) : std::string();
}

Result<std::vector<gid_t>> groups_of(const std::string& user, gid_t primary) {
  std::vector<gid_t> groups(64);
  for (;;) {
    int count = static_cast<int>(groups.size());
    if (getgrouplist(user.c_str(), primary, groups.data(), &count) >= 0) {
      groups.resize(static_cast<std::size_t>(count));
      break;
    }
    if (groups.size() >= limits::kMaxGroups) return fail("the user is in too many groups");
    groups.resize(std::min<std::size_t>(
        limits::kMaxGroups, std::max(groups.size() * 2, static_cast<std::size_t>(count))));
  }
  return groups;
}

HostUserRecord unknown_user(const HostUser& user) {
  HostUserRecord record;
  record.name = user.str();
  record.uid = kNobody;
  record.gid = kNobody;
  record.group_ids = {kNobody};
  record.home = "/nonexistent";
  return record;
}

}  // namespace

Result<HostUserRecord> look_up_host_user(const HostUser& user) {
  std::vector<char> buffer;
  passwd entry{};
  passwd* found = nullptr;
  const int error = with_buffer(buffer, [&](std::vector<char>& space) {
    return getpwnam_r(user.str().c_str(), &entry, space.data(), space.size(), &found);
  });
  if (found == nullptr) {
    if (!means_absent(error)) return system_error("looking up the user", error);
    // As much work as for a user that exists.
    static_cast<void>(groups_of(user.str(), kNobody));
    static_cast<void>(group_name(kNobody));
    HostUserRecord unknown = unknown_user(user);
    if (error != 0) unknown.doubt = system_error("a user database may be down", error).message;
    return unknown;
  }
  // A database may know several spellings of one user, but rules and penalties go by one.
  if (user.str() != entry.pw_name) {
    HostUserRecord unknown = unknown_user(user);
    unknown.doubt = "the user's name is spelled otherwise";
    return unknown;
  }
  HostUserRecord record;
  record.found = true;
  record.name = user.str();
  record.uid = entry.pw_uid;
  record.gid = entry.pw_gid;
  record.home = entry.pw_dir;
  record.shell = entry.pw_shell;
  if (record.home.size() > limits::kMaxPath || record.shell.size() > limits::kMaxPath) {
    return fail("the user's home or shell is too long");
  }
  record.group_ids = TRY(groups_of(record.name, record.gid));
  for (const gid_t gid : record.group_ids) {
    std::string name = group_name(gid);
    if (!name.empty() && name.size() <= kMaxGroupName)
      record.group_names.push_back(std::move(name));
  }
  return record;
}

}  // namespace ssh2incus
