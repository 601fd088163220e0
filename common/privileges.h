// Giving up privileges, step by step: each function does one thing, verifies that it holds, and
// can't be undone by the process. All return an error instead of going on half-done.
#pragma once

#include <sys/capability.h>
#include <sys/types.h>

#include <span>
#include <string>

#include "common/result.h"

namespace ssh2incus {

struct ResourceLimits {
  bool no_new_processes = true;  // RLIMIT_NPROC 0
  bool no_file_growth = true;    // RLIMIT_FSIZE 0
  unsigned open_files = 64;      // RLIMIT_NOFILE
};

// Root directory := directory, which must be empty, owned by root and writable by nobody else.
Status enter_empty_root(const std::string& directory);

// Real, effective and saved ids and the supplementary groups; verified afterwards.
Status become_user(uid_t uid, gid_t gid, std::span<const gid_t> groups);

// Effective, permitted and (as far as allowed) bounding set := keep; inheritable and ambient empty.
// Needs CAP_SETPCAP if the bounding set is to shrink.
Status keep_capabilities_only(std::span<const cap_value_t> keep);

// Takes the bounding set down to keep and leaves the other sets alone.
Status limit_bounding_set(std::span<const cap_value_t> keep);

Status apply_resource_limits(const ResourceLimits& wanted);

// RLIMIT_CORE 0, PR_SET_DUMPABLE 0.
Status forbid_dumps();

// As many open files as this process may have at all (RLIMIT_NOFILE: soft to hard).
Status raise_open_files_limit();

// SIGKILL when the parent ends; an error if it has ended already.
Status die_with_parent(pid_t parent);

// Puts /dev/null on 0, 1 and 2 wherever they are closed, or all of them if replace.
Status null_standard_streams(bool replace);

// Closes every fd from lowest upwards.
Status close_fds_from(int lowest);

}  // namespace ssh2incus
