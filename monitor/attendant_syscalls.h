// System calls of the attendant. Wide, because NSS and PAM load modules that talk to daemons, and
// because children inherit it: the key reader, the account check and the gateway, which then load
// narrower lists of their own (this one must allow what theirs allow). What matters is what isn't
// here: ptrace, process_vm_*, mount and its relatives, namespaces, chroot, modules, kexec, bpf,
// perf, userfaultfd, io_uring, raw and packet sockets, listening, changing owners, clocks, reboot.
#pragma once

#include <sched.h>
#include <seccomp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "common/syscall_filter.h"

namespace ssh2incus {

inline constexpr std::uint64_t kNewNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                                CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                                                CLONE_NEWNET;

constexpr SyscallRule refused(int number, std::string_view reason, int error) {
  return {number, reason, SyscallAction::kRefuse, error};
}
constexpr SyscallRule socket_family(int family, std::string_view reason) {
  return {SCMP_SYS(socket), reason, SyscallAction::kAllow, 0,
          argument_is(0, static_cast<std::uint64_t>(family))};
}

// clang-format off
inline constexpr std::array kAttendantSyscalls = {
    // files: key files, passwd, shadow, PAM's configuration, modules, the gateway's libraries
    SyscallRule{SCMP_SYS(open),            "the same as openat, by older code"},
    SyscallRule{SCMP_SYS(openat),          "key files, databases, modules"},
    SyscallRule{SCMP_SYS(close),           "all of them"},
    SyscallRule{SCMP_SYS(close_range),     "children close what they need not have"},
    SyscallRule{SCMP_SYS(read),            "contents"},
    SyscallRule{SCMP_SYS(pread64),         "the dynamic linker"},
    SyscallRule{SCMP_SYS(readv),           "contents, by modules"},
    SyscallRule{SCMP_SYS(write),           "modules that speak to daemons; PAM's tallies"},
    SyscallRule{SCMP_SYS(pwrite64),        "PAM's tallies"},
    SyscallRule{SCMP_SYS(writev),          "modules that speak to daemons"},
    SyscallRule{SCMP_SYS(lseek),           "databases"},
    SyscallRule{SCMP_SYS(ftruncate),       "PAM's tallies, reset by a valid account"},
    SyscallRule{SCMP_SYS(stat),            "what a file is"},
    SyscallRule{SCMP_SYS(lstat),           "what a file is"},
    SyscallRule{SCMP_SYS(fstat),           "what a file is"},
    SyscallRule{SCMP_SYS(newfstatat),      "what a file is"},
    SyscallRule{SCMP_SYS(statx),           "what a file is"},
    SyscallRule{SCMP_SYS(statfs),          "modules, SELinux library"},
    SyscallRule{SCMP_SYS(fstatfs),         "modules, SELinux library"},
    SyscallRule{SCMP_SYS(access),          "whether a file is there"},
    SyscallRule{SCMP_SYS(faccessat),       "whether a file is there"},
    SyscallRule{SCMP_SYS(faccessat2),      "whether a file is there"},
    SyscallRule{SCMP_SYS(readlink),        "symlinks"},
    SyscallRule{SCMP_SYS(readlinkat),      "symlinks on the way to a key file"},
    SyscallRule{SCMP_SYS(getdents64),      "directories of configuration"},
    SyscallRule{SCMP_SYS(getcwd),          "libraries"},
    SyscallRule{SCMP_SYS(chdir),           "to / at the start"},
    SyscallRule{SCMP_SYS(umask),           "set at the start; modules"},
    SyscallRule{SCMP_SYS(fcntl),           "close-on-exec, locks of databases"},
    SyscallRule{SCMP_SYS(flock),           "locks of databases"},
    SyscallRule{SCMP_SYS(fadvise64),       "readers of databases"},
    SyscallRule{SCMP_SYS(dup),             "placing fds for children"},
    SyscallRule{SCMP_SYS(dup2),            "placing fds for children"},
    SyscallRule{SCMP_SYS(dup3),            "placing fds for children"},
    SyscallRule{SCMP_SYS(ioctl),           "isatty, FIONREAD, FIONBIO in libraries"},
    SyscallRule{SCMP_SYS(memfd_create),    "long messages to journald"},
    // talking: the monitor, daemons behind NSS and PAM, syslog, audit, incusd
    socket_family(AF_UNIX,                 "nscd, sssd, systemd, syslog, incusd"),
    socket_family(AF_INET,                 "NSS and PAM modules that ask LDAP, Kerberos, RADIUS"),
    socket_family(AF_INET6,                "the same"),
    socket_family(AF_NETLINK,              "audit; getaddrinfo in those modules"),
    SyscallRule{SCMP_SYS(socketpair),      "channels to children"},
    SyscallRule{SCMP_SYS(connect),         "to those daemons"},
    SyscallRule{SCMP_SYS(bind),            "netlink sockets"},
    SyscallRule{SCMP_SYS(getsockname),     "libraries"},
    SyscallRule{SCMP_SYS(getpeername),     "libraries"},
    SyscallRule{SCMP_SYS(getsockopt),      "who is the daemon (SO_PEERCRED); connect results"},
    SyscallRule{SCMP_SYS(setsockopt),      "libraries"},
    SyscallRule{SCMP_SYS(sendto),          "syslog, audit"},
    SyscallRule{SCMP_SYS(sendmsg),         "messages and fds"},
    SyscallRule{SCMP_SYS(sendmmsg),        "the resolver"},
    SyscallRule{SCMP_SYS(recvfrom),        "answers of daemons"},
    SyscallRule{SCMP_SYS(recvmsg),         "messages and fds"},
    SyscallRule{SCMP_SYS(recvmmsg),        "the resolver"},
    SyscallRule{SCMP_SYS(shutdown),        "libraries"},
    SyscallRule{SCMP_SYS(pipe),            "PAM's helper programs"},
    SyscallRule{SCMP_SYS(pipe2),           "PAM's helper programs"},
    SyscallRule{SCMP_SYS(poll),            "waiting"},
    SyscallRule{SCMP_SYS(ppoll),           "waiting"},
    SyscallRule{SCMP_SYS(select),          "waiting, in older modules"},
    SyscallRule{SCMP_SYS(pselect6),        "waiting, in older modules"},
    SyscallRule{SCMP_SYS(epoll_create1),   "waiting, in the gateway's and other libraries"},
    SyscallRule{SCMP_SYS(epoll_ctl),       "waiting"},
    SyscallRule{SCMP_SYS(epoll_wait),      "waiting"},
    SyscallRule{SCMP_SYS(epoll_pwait),     "waiting"},
    SyscallRule{SCMP_SYS(eventfd2),        "waking, in libraries"},
    SyscallRule{SCMP_SYS(timerfd_create),  "time limits, in libraries"},
    SyscallRule{SCMP_SYS(timerfd_settime), "time limits, in libraries"},
    // memory
    SyscallRule{SCMP_SYS(brk),             "malloc"},
    SyscallRule{SCMP_SYS(mmap),            "malloc; code of modules and of the gateway"},
    SyscallRule{SCMP_SYS(mprotect),        "the dynamic linker"},
    SyscallRule{SCMP_SYS(munmap),          "free"},
    SyscallRule{SCMP_SYS(mremap),          "realloc"},
    SyscallRule{SCMP_SYS(madvise),         "free"},
    SyscallRule{SCMP_SYS(mlock),           "modules that keep passwords out of swap"},
    SyscallRule{SCMP_SYS(mlock2),          "the same"},
    SyscallRule{SCMP_SYS(munlock),         "the same"},
    SyscallRule{SCMP_SYS(membarrier),      "libraries with threads"},
    SyscallRule{SCMP_SYS(futex),           "locks"},
    // processes
    SyscallRule{SCMP_SYS(clone),           "fork, threads; no namespaces", SyscallAction::kAllow, 0, argument_is(0, 0, kNewNamespaces)},
    refused(SCMP_SYS(clone3),              "its flags can't be seen; libc falls back to clone", ENOSYS),
    SyscallRule{SCMP_SYS(fork),            "children"},
    SyscallRule{SCMP_SYS(vfork),           "PAM's helper programs"},
    SyscallRule{SCMP_SYS(execve),          "PAM's helper programs"},
    SyscallRule{SCMP_SYS(execveat),        "the gateway, by its fd"},
    SyscallRule{SCMP_SYS(wait4),           "children's ends"},
    SyscallRule{SCMP_SYS(waitid),          "children's ends"},
    SyscallRule{SCMP_SYS(exit),            "threads of libraries"},
    SyscallRule{SCMP_SYS(exit_group),      "the end"},
    SyscallRule{SCMP_SYS(kill),            "a child that takes too long"},
    SyscallRule{SCMP_SYS(tgkill),          "abort"},
    SyscallRule{SCMP_SYS(getpid),          "libraries"},
    SyscallRule{SCMP_SYS(getppid),         "whether the parent has gone"},
    SyscallRule{SCMP_SYS(gettid),          "libraries"},
    SyscallRule{SCMP_SYS(getpgrp),         "libraries"},
    SyscallRule{SCMP_SYS(getpgid),         "libraries"},
    SyscallRule{SCMP_SYS(getsid),          "libraries"},
    SyscallRule{SCMP_SYS(setsid),          "PAM's helper programs"},
    SyscallRule{SCMP_SYS(arch_prctl),      "program start"},
    SyscallRule{SCMP_SYS(set_tid_address), "program start"},
    SyscallRule{SCMP_SYS(set_robust_list), "program start, fork"},
    SyscallRule{SCMP_SYS(rseq),            "program start, fork"},
    SyscallRule{SCMP_SYS(prlimit64),       "limits of children"},
    SyscallRule{SCMP_SYS(getrlimit),       "limits, by older code"},
    SyscallRule{SCMP_SYS(setrlimit),       "limits of children"},
    SyscallRule{SCMP_SYS(getrusage),       "libraries"},
    SyscallRule{SCMP_SYS(sched_getaffinity), "libraries count processors"},
    SyscallRule{SCMP_SYS(sched_yield),     "libraries"},
    SyscallRule{SCMP_SYS(uname),           "libraries; host names in PAM's rules"},
    SyscallRule{SCMP_SYS(sysinfo),         "libraries"},
    SyscallRule{SCMP_SYS(getrandom),       "malloc, OpenSSL"},
    SyscallRule{SCMP_SYS(seccomp),         "narrower filters of children"},
    SyscallRule{SCMP_SYS(prctl),           "PDEATHSIG, no_new_privs, bounding set of children"},
    SyscallRule{SCMP_SYS(capget),          "shedding capabilities in children"},
    SyscallRule{SCMP_SYS(capset),          "shedding capabilities in children"},
    // users
    SyscallRule{SCMP_SYS(getuid),          "libraries"},
    SyscallRule{SCMP_SYS(geteuid),         "libraries"},
    SyscallRule{SCMP_SYS(getgid),          "libraries"},
    SyscallRule{SCMP_SYS(getegid),         "libraries"},
    SyscallRule{SCMP_SYS(getresuid),       "verifying that a child became a user"},
    SyscallRule{SCMP_SYS(getresgid),       "the same"},
    SyscallRule{SCMP_SYS(getgroups),       "libraries"},
    SyscallRule{SCMP_SYS(setuid),          "PAM modules"},
    SyscallRule{SCMP_SYS(setgid),          "PAM modules"},
    SyscallRule{SCMP_SYS(setreuid),        "PAM modules"},
    SyscallRule{SCMP_SYS(setregid),        "PAM modules"},
    SyscallRule{SCMP_SYS(setresuid),       "a child becomes the user"},
    SyscallRule{SCMP_SYS(setresgid),       "a child becomes the user"},
    SyscallRule{SCMP_SYS(setfsuid),        "PAM modules"},
    SyscallRule{SCMP_SYS(setfsgid),        "PAM modules"},
    SyscallRule{SCMP_SYS(setgroups),       "a child becomes the user"},
    // signals and time. rt_sigaction: programs and modules need it. It lets a taken-over process
    // outlive a refused call, never make one.
    SyscallRule{SCMP_SYS(rt_sigaction),    "program start of the gateway, PAM modules"},
    SyscallRule{SCMP_SYS(rt_sigprocmask),  "libraries, abort"},
    SyscallRule{SCMP_SYS(rt_sigreturn),    "handlers"},
    SyscallRule{SCMP_SYS(sigaltstack),     "libraries"},
    SyscallRule{SCMP_SYS(restart_syscall), "the kernel resumes an interrupted sleep with it"},
    SyscallRule{SCMP_SYS(alarm),           "time limits of modules"},
    SyscallRule{SCMP_SYS(setitimer),       "time limits of modules"},
    SyscallRule{SCMP_SYS(nanosleep),       "libraries"},
    SyscallRule{SCMP_SYS(clock_nanosleep), "libraries"},
    SyscallRule{SCMP_SYS(clock_gettime),   "where the vDSO can't answer"},
    SyscallRule{SCMP_SYS(clock_getres),    "libraries"},
    SyscallRule{SCMP_SYS(gettimeofday),    "where the vDSO can't answer"},
    SyscallRule{SCMP_SYS(time),            "where the vDSO can't answer"},
    // done without
    refused(SCMP_SYS(keyctl),              "Kerberos' credential caches; nothing is authenticated here", ENOSYS),
    refused(SCMP_SYS(add_key),             "the same", ENOSYS),
    refused(SCMP_SYS(request_key),         "the same", ENOSYS),
    refused(SCMP_SYS(io_uring_setup),      "libraries fall back to plain calls", ENOSYS),
};
// clang-format on

}  // namespace ssh2incus
