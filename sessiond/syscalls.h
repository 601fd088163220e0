// System calls of sessiond, from before the first byte of the network to its end. What isn't here
// ends the process: it can open, create, connect, bind, execute, fork, trace and signal nothing,
// nor make memory executable, nor put its SIGSYS handler back.
#pragma once

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>

#include "common/syscall_filter.h"

namespace ssh2incus {

// clang-format off
inline constexpr std::array kSessiondSyscalls = {
    // the client's connection, the guest's sockets, the monitor
    SyscallRule{SCMP_SYS(poll),          "the event loop; libssh asks once more before it reads"},
    SyscallRule{SCMP_SYS(ppoll),         "poll() where the architecture has no other"},
    SyscallRule{SCMP_SYS(recvfrom),      "recv() from client and guest"},
    SyscallRule{SCMP_SYS(sendto),        "send() to client and guest; the crash notice"},
    SyscallRule{SCMP_SYS(recvmsg),       "the monitor's messages, with the guest's fds"},
    SyscallRule{SCMP_SYS(sendmsg),       "messages to the monitor"},
    SyscallRule{SCMP_SYS(close),         "the guest's sockets and the client's at their end"},
    SyscallRule{SCMP_SYS(fcntl),         "O_NONBLOCK of the guest's sockets: what they have",
                SyscallAction::kAllow, 0, argument_is(1, F_GETFL)},
    SyscallRule{SCMP_SYS(fcntl),         "O_NONBLOCK of the guest's sockets: set",
                SyscallAction::kAllow, 0, argument_is(1, F_SETFL)},
    // memory
    SyscallRule{SCMP_SYS(brk),           "malloc"},
    SyscallRule{SCMP_SYS(mmap),          "malloc of large blocks; never executable",
                SyscallAction::kAllow, 0, argument_is(2, 0, PROT_EXEC)},
    SyscallRule{SCMP_SYS(mremap),        "realloc of large blocks"},
    SyscallRule{SCMP_SYS(munmap),        "free of large blocks"},
    SyscallRule{SCMP_SYS(madvise),       "free, giving pages back"},
    SyscallRule{SCMP_SYS(futex),         "OpenSSL's locks, never contended by one thread"},
    // randomness, time, identity
    SyscallRule{SCMP_SYS(getrandom),     "OpenSSL reseeds its generators"},
    SyscallRule{SCMP_SYS(getpid),        "OpenSSL looks whether it has been forked"},
    SyscallRule{SCMP_SYS(clock_gettime), "clocks that the vDSO can't read"},
    SyscallRule{SCMP_SYS(gettimeofday),  "the same"},
    SyscallRule{SCMP_SYS(time),          "the same"},
    // the end
    SyscallRule{SCMP_SYS(rt_sigprocmask), "abort()"},
    SyscallRule{SCMP_SYS(gettid),        "abort()"},
    SyscallRule{SCMP_SYS(tgkill),        "abort(): RLIMIT and uid leave it nobody else to signal"},
    SyscallRule{SCMP_SYS(rt_sigreturn),  "the return from a signal handler"},
    SyscallRule{SCMP_SYS(restart_syscall), "poll() after SIGSTOP and SIGCONT, by the kernel"},
    SyscallRule{SCMP_SYS(exit_group),    "the end"},
};
// clang-format on

}  // namespace ssh2incus
