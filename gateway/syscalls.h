// The gateway's system calls: sockets of the AF_UNIX family, read-only files (the guest's binary),
// the monitor's channel, memory. No processes, no threads, no writing of files.
#pragma once

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "common/syscall_filter.h"

namespace ssh2incus {

// Of openat: anything that could write, create or truncate.
inline constexpr std::uint64_t kOpenWriteFlags = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;

// clang-format off
inline constexpr std::array kGatewaySyscalls = {
    // incusd's socket
    SyscallRule{SCMP_SYS(socket),          "connections to incusd, which are local", SyscallAction::kAllow, 0, argument_is(0, AF_UNIX)},
    SyscallRule{SCMP_SYS(connect),         "connections to incusd"},
    SyscallRule{SCMP_SYS(getsockopt),      "libcurl asks for a connection's error"},
    SyscallRule{SCMP_SYS(getsockname),     "libcurl notes its own address"},
    SyscallRule{SCMP_SYS(getpeername),     "libcurl notes the peer's address"},
    SyscallRule{SCMP_SYS(setsockopt),      "libcurl can do without what it would set", SyscallAction::kRefuse, ENOPROTOOPT},
    SyscallRule{SCMP_SYS(fcntl),           "libcurl's O_NONBLOCK and O_CLOEXEC"},
    SyscallRule{SCMP_SYS(ioctl),           "libcurl's FIONBIO", SyscallAction::kAllow, 0, argument_is(1, 0x5421)},
    SyscallRule{SCMP_SYS(recvfrom),        "answers and frames"},
    SyscallRule{SCMP_SYS(sendto),          "requests and frames"},
    SyscallRule{SCMP_SYS(shutdown),        "libcurl closes a connection"},
    SyscallRule{SCMP_SYS(poll),            "every wait"},
    SyscallRule{SCMP_SYS(ppoll),           "poll() on newer libcs"},
    // the monitor
    SyscallRule{SCMP_SYS(recvmsg),         "requests"},
    SyscallRule{SCMP_SYS(sendmsg),         "replies, and the streams with ReadyReply"},
    SyscallRule{SCMP_SYS(write),           "the crash notice, libcurl's wakeup pair, assertions"},
    // the guest's binary
    SyscallRule{SCMP_SYS(openat),          "reading the guest's binary", SyscallAction::kAllow, 0, argument_is(2, O_RDONLY, kOpenWriteFlags)},
    SyscallRule{SCMP_SYS(newfstatat),      "its size; fstat() is this call on newer libcs"},
    SyscallRule{SCMP_SYS(fstat),           "its size"},
    SyscallRule{SCMP_SYS(read),            "its content"},
    SyscallRule{SCMP_SYS(close),           "files and connections"},
    // memory; never executable
    SyscallRule{SCMP_SYS(brk),             "malloc"},
    SyscallRule{SCMP_SYS(mmap),            "malloc; the memory of scrypt and yescrypt", SyscallAction::kAllow, 0, argument_is(2, 0, PROT_EXEC)},
    SyscallRule{SCMP_SYS(mprotect),        "malloc", SyscallAction::kAllow, 0, argument_is(2, 0, PROT_EXEC)},
    SyscallRule{SCMP_SYS(munmap),          "free; the same"},
    SyscallRule{SCMP_SYS(mremap),          "realloc"},
    SyscallRule{SCMP_SYS(madvise),         "free"},
    SyscallRule{SCMP_SYS(futex),           "locks of OpenSSL and libc"},
    // time, randomness, identity
    SyscallRule{SCMP_SYS(clock_gettime),   "time, where the vDSO can't answer"},
    SyscallRule{SCMP_SYS(gettimeofday),    "time, where the vDSO can't answer"},
    SyscallRule{SCMP_SYS(getrandom),       "websocket keys, names of temporary files"},
    SyscallRule{SCMP_SYS(getpid),          "OpenSSL's fork detection"},
    SyscallRule{SCMP_SYS(gettid),          "abort()"},
    SyscallRule{SCMP_SYS(prlimit64),       "new processor time for each request, where it stays", SyscallAction::kAllow, 0, argument_is(1, RLIMIT_CPU)},
    // ending
    SyscallRule{SCMP_SYS(restart_syscall), "the kernel resumes an interrupted poll with it"},
    SyscallRule{SCMP_SYS(rt_sigreturn),    "the end of a signal handler"},
    SyscallRule{SCMP_SYS(rt_sigprocmask),  "abort()"},
    SyscallRule{SCMP_SYS(tgkill),          "abort()"},
    SyscallRule{SCMP_SYS(exit_group),      "the end"},
    SyscallRule{SCMP_SYS(exit),            "the end"},
};
// clang-format on

}  // namespace ssh2incus
