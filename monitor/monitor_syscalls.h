// The monitor's system calls, once sessiond and the attendant run: messages, the log, signatures,
// ending its children. No open, socket, fork, exec.
#pragma once

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>

#include "common/syscall_filter.h"

namespace ssh2incus {

// The signalfd for SIGTERM.
inline constexpr int kEndSignalsFd = 31;

// clang-format off
inline constexpr std::array kMonitorSyscalls = {
    // messages
    SyscallRule{SCMP_SYS(recvmsg),         "messages and fds from sessiond, attendant, gateway"},
    SyscallRule{SCMP_SYS(sendmsg),         "messages and fds to them"},
    SyscallRule{SCMP_SYS(poll),            "waiting for any of them"},
    SyscallRule{SCMP_SYS(ppoll),           "poll() on newer libcs"},
    SyscallRule{SCMP_SYS(write),           "the log"},
    SyscallRule{SCMP_SYS(read),            "SIGTERM", SyscallAction::kAllow, 0, argument_is(0, kEndSignalsFd)},
    SyscallRule{SCMP_SYS(fcntl),           "whose slots of the connection table are alive", SyscallAction::kAllow, 0, argument_is(1, F_GETLK)},
    SyscallRule{SCMP_SYS(close),           "fds passed on to sessiond"},
    // time
    SyscallRule{SCMP_SYS(clock_gettime),   "deadlines, where the vDSO can't answer"},
    SyscallRule{SCMP_SYS(clock_nanosleep), "the floor under the time of a refusal"},
    SyscallRule{SCMP_SYS(nanosleep),       "the same on older libcs"},
    SyscallRule{SCMP_SYS(restart_syscall), "the kernel resumes an interrupted sleep with it"},
    // memory
    SyscallRule{SCMP_SYS(brk),             "malloc"},
    SyscallRule{SCMP_SYS(mmap),            "malloc; never executable", SyscallAction::kAllow, 0, argument_is(2, 0, PROT_EXEC)},
    SyscallRule{SCMP_SYS(mprotect),        "malloc; never executable", SyscallAction::kAllow, 0, argument_is(2, 0, PROT_EXEC)},
    SyscallRule{SCMP_SYS(munmap),          "free"},
    SyscallRule{SCMP_SYS(mremap),          "realloc"},
    SyscallRule{SCMP_SYS(madvise),         "free"},
    // OpenSSL's signatures
    SyscallRule{SCMP_SYS(getrandom),       "reseeding the generator, blinding"},
    SyscallRule{SCMP_SYS(futex),           "OpenSSL's locks"},
    SyscallRule{SCMP_SYS(getpid),          "OpenSSL's fork detection"},
    SyscallRule{SCMP_SYS(gettid),          "abort()"},
    // ending
    SyscallRule{SCMP_SYS(kill),            "SIGKILL to sessiond and the attendant at the end"},
    SyscallRule{SCMP_SYS(wait4),           "how they ended"},
    SyscallRule{SCMP_SYS(exit_group),      "the end"},
    SyscallRule{SCMP_SYS(exit),            "the end"},
    SyscallRule{SCMP_SYS(rt_sigprocmask),  "abort()"},
    SyscallRule{SCMP_SYS(tgkill),          "abort()"},
};
// clang-format on

}  // namespace ssh2incus
