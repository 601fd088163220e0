// System calls of the key reader: it opens files for reading, and answers.
#pragma once

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>

#include <array>

#include "common/syscall_filter.h"

namespace ssh2incus {

// Any flag that writes, creates or changes something.
inline constexpr std::uint64_t kWritingFlags = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;

// clang-format off
inline constexpr std::array kKeyReaderSyscalls = {
    SyscallRule{SCMP_SYS(openat),          "the way to a key file, and the file; only to read", SyscallAction::kAllow, 0, argument_is(2, 0, kWritingFlags)},
    SyscallRule{SCMP_SYS(open),            "/, by open(3) of older libcs; only to read", SyscallAction::kAllow, 0, argument_is(1, 0, kWritingFlags)},
    SyscallRule{SCMP_SYS(read),            "the file"},
    SyscallRule{SCMP_SYS(fstat),           "owners and modes"},
    SyscallRule{SCMP_SYS(newfstatat),      "owners and modes, by fstat(3)"},
    SyscallRule{SCMP_SYS(readlinkat),      "symlinks on the way"},
    SyscallRule{SCMP_SYS(close),           "all of them"},
    SyscallRule{SCMP_SYS(sendmsg),         "the answer"},
    SyscallRule{SCMP_SYS(poll),            "room for the answer"},
    SyscallRule{SCMP_SYS(brk),             "malloc"},
    SyscallRule{SCMP_SYS(mmap),            "malloc; never executable", SyscallAction::kAllow, 0, argument_is(2, 0, PROT_EXEC)},
    SyscallRule{SCMP_SYS(mprotect),        "malloc; never executable", SyscallAction::kAllow, 0, argument_is(2, 0, PROT_EXEC)},
    SyscallRule{SCMP_SYS(munmap),          "free"},
    SyscallRule{SCMP_SYS(mremap),          "realloc"},
    SyscallRule{SCMP_SYS(madvise),         "free"},
    SyscallRule{SCMP_SYS(futex),           "locks of libstdc++"},
    SyscallRule{SCMP_SYS(getrandom),       "malloc"},
    SyscallRule{SCMP_SYS(gettid),          "abort"},
    SyscallRule{SCMP_SYS(getpid),          "abort"},
    SyscallRule{SCMP_SYS(tgkill),          "abort"},
    SyscallRule{SCMP_SYS(rt_sigprocmask),  "abort"},
    SyscallRule{SCMP_SYS(exit_group),      "the end"},
};
// clang-format on

}  // namespace ssh2incus
