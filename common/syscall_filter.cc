// Loads seccomp filters. The default action is TRAP, not KILL, for one reason: the handler can tell
// the monitor which call it was. It runs once (SA_RESETHAND) and then makes a refused call itself,
// so the process dies of SIGSYS all the same; without rt_sigaction nothing can put the handler
// back.
#include "common/syscall_filter.h"

#include <seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>

namespace ssh2incus {
namespace {

struct SeccompRelease {
  void operator()(void* context) const { seccomp_release(context); }
};

void (*g_report)(int) = nullptr;  // set once, before the filter

void on_refused_syscall(int /*signal*/, siginfo_t* info, void* /*context*/) {
  if (g_report != nullptr) g_report(info->si_syscall);
  // Refused by every table of ours; the handler has been reset, so SIGSYS now kills.
  for (;;) syscall(SCMP_SYS(ptrace), -1, 0, 0, 0);
}

Status add_rule(scmp_filter_ctx context, const SyscallRule& rule) {
  const std::uint32_t action = rule.action == SyscallAction::kAllow
                                   ? SCMP_ACT_ALLOW
                                   : SCMP_ACT_ERRNO(static_cast<std::uint16_t>(rule.error_number));
  int code = 0;
  if (rule.argument.used) {
    const scmp_arg_cmp comparison = {rule.argument.index, SCMP_CMP_MASKED_EQ, rule.argument.mask,
                                     rule.argument.value};
    code = seccomp_rule_add_array(context, action, rule.number, 1, &comparison);
  } else {
    code = seccomp_rule_add(context, action, rule.number, 0);
  }
  if (code != 0) return system_error("seccomp rule for call " + std::to_string(rule.number), -code);
  return {};
}

Status load_filter(std::uint32_t default_action, std::span<const SyscallRule> rules) {
  const std::unique_ptr<void, SeccompRelease> context(seccomp_init(default_action));
  if (!context) return fail("seccomp_init failed");
  for (const SyscallRule& rule : rules) TRY(add_rule(context.get(), rule));
  // Calls through a foreign ABI (int 0x80, x32) are killed at once.
  if (seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0) {
    return fail("seccomp: can't set the action for foreign ABIs");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_error("PR_SET_NO_NEW_PRIVS");
  if (const int code = seccomp_load(context.get()); code != 0)
    return system_error("seccomp_load", -code);
  return {};
}

}  // namespace

Status apply_syscall_filter(std::span<const SyscallRule> rules) {
  return load_filter(SCMP_ACT_TRAP, rules);
}

Status refuse_syscalls(std::span<const SyscallRule> rules) {
  return load_filter(SCMP_ACT_ALLOW, rules);
}

void report_refused_syscalls(void (*report)(int syscall_number)) {
  g_report = report;
  struct sigaction action {};
  action.sa_sigaction = on_refused_syscall;
  action.sa_flags = SA_SIGINFO | static_cast<int>(SA_RESETHAND) | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  sigaction(SIGSYS, &action, nullptr);
}

}  // namespace ssh2incus
