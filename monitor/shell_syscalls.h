// What is refused to the Incus shell, the incus client and all that they start: calls that want
// privileges which none of them has, and those that reach into the kernel's less travelled parts.
#pragma once

#include <seccomp.h>

#include <array>
#include <cerrno>

#include "common/syscall_filter.h"
#include "monitor/attendant_syscalls.h"

namespace ssh2incus {

// clang-format off
inline constexpr std::array kShellRefusals = {
    // other processes
    refused(SCMP_SYS(ptrace),            "no debugging", EPERM),
    refused(SCMP_SYS(process_vm_readv),  "the same", EPERM),
    refused(SCMP_SYS(process_vm_writev), "the same", EPERM),
    refused(SCMP_SYS(kcmp),              "the same", EPERM),
    refused(SCMP_SYS(pidfd_getfd),       "the same", EPERM),
    // namespaces and file systems
    refused(SCMP_SYS(unshare),           "no namespaces", EPERM),
    refused(SCMP_SYS(setns),             "no namespaces", EPERM),
    refused(SCMP_SYS(clone3),            "its flags can't be seen; libraries fall back to clone", ENOSYS),
    SyscallRule{SCMP_SYS(clone),         "no user namespaces", SyscallAction::kRefuse, EPERM, argument_is(0, CLONE_NEWUSER, CLONE_NEWUSER)},
    refused(SCMP_SYS(mount),             "no mounts", EPERM),
    refused(SCMP_SYS(umount2),           "no mounts", EPERM),
    refused(SCMP_SYS(move_mount),        "no mounts", EPERM),
    refused(SCMP_SYS(open_tree),         "no mounts", EPERM),
    refused(SCMP_SYS(fsopen),            "no mounts", EPERM),
    refused(SCMP_SYS(fsmount),           "no mounts", EPERM),
    refused(SCMP_SYS(fsconfig),          "no mounts", EPERM),
    refused(SCMP_SYS(fspick),            "no mounts", EPERM),
    refused(SCMP_SYS(mount_setattr),     "no mounts", EPERM),
    refused(SCMP_SYS(pivot_root),        "no other root", EPERM),
    refused(SCMP_SYS(chroot),            "no other root", EPERM),
    refused(SCMP_SYS(open_by_handle_at), "no files without paths", EPERM),
    refused(SCMP_SYS(fanotify_init),     "no watching of all", EPERM),
    refused(SCMP_SYS(quotactl),          "the system's", EPERM),
    // the kernel
    refused(SCMP_SYS(bpf),               "kernel programs", EPERM),
    refused(SCMP_SYS(perf_event_open),   "kernel measurements", EPERM),
    refused(SCMP_SYS(userfaultfd),       "memory tricks", EPERM),
    refused(SCMP_SYS(io_uring_setup),    "libraries fall back to plain calls", ENOSYS),
    refused(SCMP_SYS(io_uring_enter),    "the same", ENOSYS),
    refused(SCMP_SYS(io_uring_register), "the same", ENOSYS),
    refused(SCMP_SYS(init_module),       "modules", EPERM),
    refused(SCMP_SYS(finit_module),      "modules", EPERM),
    refused(SCMP_SYS(delete_module),     "modules", EPERM),
    refused(SCMP_SYS(kexec_load),        "another kernel", EPERM),
    refused(SCMP_SYS(kexec_file_load),   "another kernel", EPERM),
    refused(SCMP_SYS(add_key),           "the kernel's keys", EPERM),
    refused(SCMP_SYS(request_key),       "the kernel's keys", EPERM),
    refused(SCMP_SYS(keyctl),            "the kernel's keys", EPERM),
    refused(SCMP_SYS(syslog),            "the kernel's log", EPERM),
    refused(SCMP_SYS(acct),              "the system's", EPERM),
    refused(SCMP_SYS(reboot),            "the system's", EPERM),
    refused(SCMP_SYS(swapon),            "the system's", EPERM),
    refused(SCMP_SYS(swapoff),           "the system's", EPERM),
    refused(SCMP_SYS(settimeofday),      "the system's clock", EPERM),
    refused(SCMP_SYS(clock_settime),     "the system's clock", EPERM),
    refused(SCMP_SYS(clock_adjtime),     "the system's clock", EPERM),
    refused(SCMP_SYS(sethostname),       "the system's name", EPERM),
    refused(SCMP_SYS(setdomainname),     "the system's name", EPERM),
    refused(SCMP_SYS(vhangup),           "others' terminals", EPERM),
};
// clang-format on

}  // namespace ssh2incus
