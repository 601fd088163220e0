// What the attendant's list (monitor/attendant_syscalls.h) leaves out and PAM's modules ask for:
// allowed where passwords are checked by PAM, which writes tallies, used codes and changed
// passwords, else refused softly. Inherited from the listener on, so both use attendant_rules().
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "monitor/attendant_syscalls.h"
#include "monitor/key_command_syscalls.h"

namespace ssh2incus {

// clang-format off
inline constexpr std::array kPamWritingSyscalls = {
    SyscallRule{SCMP_SYS(rename),  "a changed /etc/shadow takes the old one's place; OATH's users"},
    SyscallRule{SCMP_SYS(unlink),  "the new file, if it can't; locks"},
    SyscallRule{SCMP_SYS(link),    "locks of such files"},
    SyscallRule{SCMP_SYS(fchown),  "the new file gets the old one's owner; tallies get their user"},
    SyscallRule{SCMP_SYS(fchmod),  "the same for modes"},
    SyscallRule{SCMP_SYS(chmod),   "the same in other modules"},
    SyscallRule{SCMP_SYS(fsync),   "the new file is whole before it is put in place"},
    SyscallRule{SCMP_SYS(mkdir),   "the directory of tallies, in /run"},
};
inline constexpr std::array kPamWithoutWriting = {
    refused(SCMP_SYS(fchown),      "tallies that the account stack opens keep their owner", EPERM),
    refused(SCMP_SYS(fchmod),      "the same for modes", EPERM),
    refused(SCMP_SYS(mkdir),       "nothing to count without passwords", EPERM),
};
// clang-format on

// What one list allows another's refusal doesn't take back: a call has one rule.
inline void add_rules(std::vector<SyscallRule>& rules, std::span<const SyscallRule> more) {
  for (const SyscallRule& rule : more) {
    const auto same = std::ranges::find(rules, rule.number, &SyscallRule::number);
    if (same == rules.end()) {
      rules.push_back(rule);
    } else if (rule.action == SyscallAction::kAllow) {
      *same = rule;
    }
  }
}

inline std::vector<SyscallRule> attendant_rules(bool with_key_command,
                                                bool password_authentication) {
  std::vector<SyscallRule> rules(kAttendantSyscalls.begin(), kAttendantSyscalls.end());
  if (with_key_command) add_rules(rules, kKeyCommandSyscalls);
  if (password_authentication) add_rules(rules, kPamWritingSyscalls);
  if (!password_authentication) add_rules(rules, kPamWithoutWriting);
  return rules;
}

}  // namespace ssh2incus
