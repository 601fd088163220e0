// System calls of the diagnostics process, from before its first peer to its end: no open, no
// socket of its own, no connection to anywhere, no exec, no fork.
#pragma once

#include <seccomp.h>
#include <sys/mman.h>

#include <array>

#include "common/syscall_filter.h"

namespace ssh2incus {

// clang-format off
inline constexpr std::array kDiagnosticsSyscalls = {
    SyscallRule{SCMP_SYS(poll),           "the loop"},
    SyscallRule{SCMP_SYS(ppoll),          "poll() where the architecture has no other"},
    SyscallRule{SCMP_SYS(accept4),        "peers"},
    SyscallRule{SCMP_SYS(recvfrom),       "requests"},
    SyscallRule{SCMP_SYS(sendto),         "answers; the crash notice"},
    SyscallRule{SCMP_SYS(recvmsg),        "the listener's numbers"},
    SyscallRule{SCMP_SYS(sendmsg),        "asking for them"},
    SyscallRule{SCMP_SYS(close),          "peers that are served"},
    SyscallRule{SCMP_SYS(brk),            "malloc"},
    SyscallRule{SCMP_SYS(mmap),           "malloc of large blocks; never executable",
                SyscallAction::kAllow, 0, argument_is(2, 0, PROT_EXEC)},
    SyscallRule{SCMP_SYS(mremap),         "realloc of large blocks"},
    SyscallRule{SCMP_SYS(munmap),         "free of large blocks"},
    SyscallRule{SCMP_SYS(madvise),        "free, giving pages back"},
    SyscallRule{SCMP_SYS(futex),          "locks of the C++ library"},
    SyscallRule{SCMP_SYS(getrandom),      "malloc's first use"},
    SyscallRule{SCMP_SYS(clock_gettime),  "clocks that the vDSO can't read"},
    SyscallRule{SCMP_SYS(rt_sigprocmask), "abort()"},
    SyscallRule{SCMP_SYS(getpid),         "abort()"},
    SyscallRule{SCMP_SYS(gettid),         "abort()"},
    SyscallRule{SCMP_SYS(tgkill),         "abort(): its limits and uid leave it nobody else to signal"},
    SyscallRule{SCMP_SYS(rt_sigreturn),   "the return from a signal handler"},
    SyscallRule{SCMP_SYS(restart_syscall), "poll() after SIGSTOP and SIGCONT, by the kernel"},
    SyscallRule{SCMP_SYS(exit_group),     "the end"},
};
// clang-format on

}  // namespace ssh2incus
