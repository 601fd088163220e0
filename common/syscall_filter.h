// A seccomp filter from a constexpr table: everything that the table doesn't name ends the process
// with SIGSYS, after one report through the handler of report_refused_syscalls().
// Follows seccomp(2) and seccomp_rule_add(3).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/result.h"

namespace ssh2incus {

enum class SyscallAction : std::uint8_t {
  kAllow,
  kRefuse,  // fails with the rule's error number; for calls that libraries make and can do without
};

// A comparison of one argument: (argument & mask) == value.
struct ArgumentRule {
  bool used = false;
  unsigned index = 0;
  std::uint64_t mask = 0;
  std::uint64_t value = 0;
};

struct SyscallRule {
  int number;               // SCMP_SYS(name)
  std::string_view reason;  // why the process needs it, or why refusing is enough
  SyscallAction action = SyscallAction::kAllow;
  int error_number = 0;
  ArgumentRule argument{};
};

// Argument index compared under a mask, for tables.
constexpr ArgumentRule argument_is(unsigned index, std::uint64_t value,
                                   std::uint64_t mask = ~std::uint64_t{0}) {
  return {true, index, mask, value};
}

// Sets no_new_privs and loads the filter for this process and its future children. Irreversible.
Status apply_syscall_filter(std::span<const SyscallRule> rules);

// Sets no_new_privs and loads a filter for programs that can't be listed call by call: what the
// rules refuse fails with their error number, all else is allowed. Irreversible.
Status refuse_syscalls(std::span<const SyscallRule> rules);

// Installs the SIGSYS handler: hands the refused call's number to report (which must be
// async-signal-safe and use only allowed calls), then lets the process die of SIGSYS.
// Call before apply_syscall_filter; the filter must not allow rt_sigaction.
void report_refused_syscalls(void (*report)(int syscall_number));

}  // namespace ssh2incus
