// System calls that shed privileges. Each is checked by its result and, where the kernel can lie by
// omission (setuid), by looking again.
#include "common/privileges.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <memory>

#include "common/unique_fd.h"

namespace ssh2incus {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
struct FreeCapabilities {
  void operator()(cap_t capabilities) const { cap_free(capabilities); }
};

Status check_empty(const std::string& directory) {
  const std::unique_ptr<DIR, CloseDirectory> entries(opendir(directory.c_str()));
  if (!entries) return system_error(directory);
  while (const dirent* entry = readdir(entries.get())) {
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) {
      return fail(directory + " is not empty");
    }
  }
  return {};
}

Status set_limit(__rlimit_resource resource, rlim_t value, const char* name) {
  const rlimit limit{value, value};
  if (setrlimit(resource, &limit) != 0) return system_error(std::string("setrlimit ") + name);
  return {};
}

}  // namespace

Status enter_empty_root(const std::string& directory) {
  struct stat status {};
  if (stat(directory.c_str(), &status) != 0) return system_error(directory);
  if (status.st_uid != 0 || (status.st_mode & 022) != 0) {
    return fail(directory + " must belong to root and not be writable by others");
  }
  TRY(check_empty(directory));
  if (chroot(directory.c_str()) != 0) return system_error("chroot");
  if (chdir("/") != 0) return system_error("chdir");
  return {};
}

Status become_user(uid_t uid, gid_t gid, std::span<const gid_t> groups) {
  if (setgroups(groups.size(), groups.data()) != 0) return system_error("setgroups");
  if (setresgid(gid, gid, gid) != 0) return system_error("setresgid");
  if (setresuid(uid, uid, uid) != 0) return system_error("setresuid");
  uid_t real = 0;
  uid_t effective = 0;
  uid_t saved = 0;
  if (getresuid(&real, &effective, &saved) != 0 || real != uid || effective != uid ||
      saved != uid) {
    return fail("user ids did not change");
  }
  if (uid != 0 && setresuid(0, 0, 0) == 0) return fail("could become root again");
  return {};
}

Status limit_bounding_set(std::span<const cap_value_t> keep) {
  for (cap_value_t capability = 0; cap_get_bound(capability) >= 0; ++capability) {
    if (std::find(keep.begin(), keep.end(), capability) != keep.end()) continue;
    if (cap_get_bound(capability) == 1 && cap_drop_bound(capability) != 0) {
      return system_error("dropping a capability from the bounding set");
    }
  }
  return {};
}

Status keep_capabilities_only(std::span<const cap_value_t> keep) {
  TRY(limit_bounding_set(keep));
  if (cap_reset_ambient() != 0) return system_error("clearing ambient capabilities");
  const std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCapabilities> wanted(cap_init());
  if (!wanted) return fail("cap_init failed");
  if (!keep.empty()) {
    const int count = static_cast<int>(keep.size());
    if (cap_set_flag(wanted.get(), CAP_PERMITTED, count, keep.data(), CAP_SET) != 0 ||
        cap_set_flag(wanted.get(), CAP_EFFECTIVE, count, keep.data(), CAP_SET) != 0) {
      return system_error("cap_set_flag");
    }
  }
  if (cap_set_proc(wanted.get()) != 0) return system_error("cap_set_proc");
  return {};
}

Status apply_resource_limits(const ResourceLimits& wanted) {
  if (wanted.no_new_processes) TRY(set_limit(RLIMIT_NPROC, 0, "NPROC"));
  if (wanted.no_file_growth) TRY(set_limit(RLIMIT_FSIZE, 0, "FSIZE"));
  return set_limit(RLIMIT_NOFILE, wanted.open_files, "NOFILE");
}

Status raise_open_files_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return system_error("getrlimit NOFILE");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return system_error("setrlimit NOFILE");
  return {};
}

Status forbid_dumps() {
  TRY(set_limit(RLIMIT_CORE, 0, "CORE"));
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return system_error("PR_SET_DUMPABLE");
  return {};
}

Status die_with_parent(pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return system_error("PR_SET_PDEATHSIG");
  if (getppid() != parent) return fail("the parent process has gone");
  return {};
}

Status null_standard_streams(bool replace) {
  UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return system_error("/dev/null");
  for (int fd = 0; fd <= 2; ++fd) {
    if (!replace && fcntl(fd, F_GETFD) != -1) continue;
    if (null.get() == fd) {
      if (fcntl(null.release(), F_SETFD, 0) != 0) return system_error("fcntl");
      return null_standard_streams(replace);
    }
    if (dup2(null.get(), fd) != fd) return system_error("dup2");
  }
  return {};
}

Status close_fds_from(int lowest) {
  if (close_range(static_cast<unsigned>(lowest), ~0U, 0) != 0) return system_error("close_range");
  return {};
}

}  // namespace ssh2incus
