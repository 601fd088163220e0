// System calls of an authorized-keys-command that the attendant's list lacks: shells, text tools,
// LDAP and HTTP clients, interpreters. Filters are inherited, so the listener and the attendant
// have them too, but only where such a command is configured. Nothing here needs a capability, and
// the command has none; with no_new_privs a setuid program gives it none.
#pragma once

#include <seccomp.h>

#include <array>
#include <cerrno>

#include "common/syscall_filter.h"
#include "monitor/attendant_syscalls.h"

namespace ssh2incus {

// clang-format off
inline constexpr std::array kKeyCommandSyscalls = {
    // shells
    SyscallRule{SCMP_SYS(rt_sigsuspend),   "a shell waits for its children"},
    SyscallRule{SCMP_SYS(rt_sigtimedwait), "waiting for a signal"},
    SyscallRule{SCMP_SYS(rt_sigpending),   "interpreters"},
    SyscallRule{SCMP_SYS(pause),           "waiting for a signal"},
    SyscallRule{SCMP_SYS(tkill),           "raise, in interpreters"},
    SyscallRule{SCMP_SYS(times),           "shells, awk"},
    SyscallRule{SCMP_SYS(getitimer),       "interpreters"},
    SyscallRule{SCMP_SYS(timer_create),    "timeout(1), Go"},
    SyscallRule{SCMP_SYS(timer_settime),   "timeout(1), Go"},
    SyscallRule{SCMP_SYS(timer_delete),    "timeout(1), Go"},
    SyscallRule{SCMP_SYS(fchdir),          "find, fts(3)"},
    // temporary files
    SyscallRule{SCMP_SYS(creat),           "open, by older code"},
    SyscallRule{SCMP_SYS(unlink),          "temporary files"},
    SyscallRule{SCMP_SYS(unlinkat),        "temporary files"},
    SyscallRule{SCMP_SYS(rename),          "a cache is replaced"},
    SyscallRule{SCMP_SYS(renameat),        "a cache is replaced"},
    SyscallRule{SCMP_SYS(renameat2),       "a cache is replaced"},
    SyscallRule{SCMP_SYS(mkdir),           "temporary files"},
    SyscallRule{SCMP_SYS(mkdirat),         "temporary files"},
    SyscallRule{SCMP_SYS(rmdir),           "temporary files"},
    SyscallRule{SCMP_SYS(fsync),           "a cache is written"},
    SyscallRule{SCMP_SYS(fdatasync),       "a cache is written"},
    SyscallRule{SCMP_SYS(getdents),        "directories, by older code"},
    // Done without. What leaves the process group would not be killed with it.
    refused(SCMP_SYS(setpgid),             "timeout(1) and shells go on in the group that they have", EPERM),
    refused(SCMP_SYS(copy_file_range),     "cat(1) reads and writes instead", ENOSYS),
    refused(SCMP_SYS(sendfile),            "interpreters read and write instead", ENOSYS),
    refused(SCMP_SYS(splice),              "text tools read and write instead", EINVAL),
    refused(SCMP_SYS(tee),                 "text tools read and write instead", EINVAL),
    refused(SCMP_SYS(fallocate),           "files grow as they are written", EOPNOTSUPP),
    refused(SCMP_SYS(chmod),               "what is made keeps its mode", EPERM),
    refused(SCMP_SYS(fchmod),              "what is made keeps its mode", EPERM),
    refused(SCMP_SYS(fchmodat),            "what is made keeps its mode", EPERM),
    refused(SCMP_SYS(chown),               "nobody else gets it", EPERM),
    refused(SCMP_SYS(fchown),              "nobody else gets it", EPERM),
    refused(SCMP_SYS(fchownat),            "nobody else gets it", EPERM),
    refused(SCMP_SYS(utimensat),           "times are those of writing", EPERM),
    refused(SCMP_SYS(symlinkat),           "not for temporary files", EPERM),
    refused(SCMP_SYS(linkat),              "not for temporary files", EPERM),
    refused(SCMP_SYS(mknodat),             "no FIFOs", EPERM),
    refused(SCMP_SYS(getxattr),            "ls, libselinux", EOPNOTSUPP),
    refused(SCMP_SYS(lgetxattr),           "ls, libselinux", EOPNOTSUPP),
    refused(SCMP_SYS(fgetxattr),           "ls, libselinux", EOPNOTSUPP),
    refused(SCMP_SYS(getpriority),         "no changes of priority", EPERM),
    refused(SCMP_SYS(setpriority),         "no changes of priority", EPERM),
    refused(SCMP_SYS(sched_setaffinity),   "runs where it runs", EPERM),
    refused(SCMP_SYS(sched_getscheduler),  "interpreters with threads", EPERM),
    refused(SCMP_SYS(sched_getparam),      "interpreters with threads", EPERM),
    refused(SCMP_SYS(sched_setscheduler),  "interpreters with threads", EPERM),
    refused(SCMP_SYS(pidfd_open),          "Go and Python wait by number instead", ENOSYS),
    refused(SCMP_SYS(pidfd_send_signal),   "Go and Python signal by number instead", ENOSYS),
    refused(SCMP_SYS(epoll_pwait2),        "libraries fall back to epoll_wait", ENOSYS),
    refused(SCMP_SYS(mincore),             "Go looks otherwise", ENOSYS),
    refused(SCMP_SYS(inotify_init1),       "nothing is watched", ENOSYS),
    refused(SCMP_SYS(listen),              "Go asks whether it could", EPERM),
    refused(SCMP_SYS(mlockall),            "LDAP and Kerberos libraries can do without", EPERM),
    refused(SCMP_SYS(landlock_create_ruleset), "libraries that sandbox themselves can do without", ENOSYS),
};
// clang-format on

}  // namespace ssh2incus
