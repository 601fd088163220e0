// See account.h.
#include "guest/account.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/unique_fd.h"
#include "guest/getent.h"

namespace ssh2incus::guest {
namespace {

constexpr std::size_t kMaxAccountFile = 16UL * 1024 * 1024;

}  // namespace

std::optional<std::string> read_small_file(const char* path, std::size_t limit) {
  const UniqueFd file(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file.valid() || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  std::string content;
  std::array<char, 16384> buffer;
  while (content.size() < limit) {
    const auto wanted = std::min(buffer.size(), limit - content.size());
    const ssize_t count = read(file.get(), buffer.data(), wanted);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    content.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return content;
}

Result<std::optional<Account>> resolve_account(const std::string& name) {
  const auto passwd = read_small_file("/etc/passwd", kMaxAccountFile);
  auto account = find_account(passwd.value_or(""), name);
  std::vector<gid_t> groups;
  if (account) {
    groups = groups_of(read_small_file("/etc/group", kMaxAccountFile).value_or(""), name);
  } else {
    account = find_account(run_getent("passwd", name).value_or(""), name);
    if (!account) {
      // Nobody can log in to an instance without any account, except root: containers may have
      // been built from nothing but a program.
      if (name == "root" && !passwd)
        return std::optional(Account{"root", 0, 0, "/", "/bin/sh", {0}});
      return std::optional<Account>();
    }
    groups = parse_initgroups(run_getent("initgroups", name).value_or(""), name);
  }
  for (const gid_t group : groups) {
    if (group != account->gid) account->groups.push_back(group);
  }
  return account;
}

Status become(const Account& account) {
  if (geteuid() == 0) {
    if (setgroups(account.groups.size(), account.groups.data()) != 0)
      return system_error("setgroups");
    if (setresgid(account.gid, account.gid, account.gid) != 0) return system_error("setresgid");
    if (setresuid(account.uid, account.uid, account.uid) != 0) return system_error("setresuid");
  }
  uid_t real = 0;
  uid_t effective = 0;
  uid_t saved = 0;
  if (getresuid(&real, &effective, &saved) != 0 || real != account.uid ||
      effective != account.uid || saved != account.uid) {
    return fail("could not become the user");
  }
  gid_t real_group = 0;
  gid_t effective_group = 0;
  gid_t saved_group = 0;
  if (getresgid(&real_group, &effective_group, &saved_group) != 0 || real_group != account.gid ||
      effective_group != account.gid || saved_group != account.gid) {
    return fail("could not take the user's group");
  }
  if (account.uid != 0 && setresuid(0, 0, 0) == 0) return fail("could become root again");
  if (prctl(PR_SET_DUMPABLE, 0) != 0) return system_error("PR_SET_DUMPABLE");
  return {};
}

}  // namespace ssh2incus::guest
