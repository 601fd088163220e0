// The listener's step from root to what connections need. Everything here is inherited: a child can
// only have less.
#include "monitor/listener_sandbox.h"

#include <seccomp.h>
#include <sys/prctl.h>

#include <array>
#include <vector>

#include "common/privileges.h"
#include "common/syscall_filter.h"
#include "monitor/capabilities.h"
#include "monitor/pam_syscalls.h"

namespace ssh2incus {
namespace {

constexpr std::array<cap_value_t, 7> kListenerCapabilities = {
    CAP_KILL,             // monitors end sessiond, which has another uid
    CAP_SETUID,           // sessiond, gateway and key readers become who they are
    CAP_SETGID,           // the same for groups
    CAP_SETPCAP,          // they empty their bounding sets
    CAP_SYS_CHROOT,       // sessiond's empty root
    CAP_DAC_READ_SEARCH,  // PAM: shadow and other files that root may not own
    CAP_AUDIT_WRITE,      // PAM: audit messages
};

// On top of what the attendant and its children are allowed.
constexpr std::array kListenerOnly = {
    SyscallRule{SCMP_SYS(accept4), "new connections"},
    SyscallRule{SCMP_SYS(accept), "the same on older libcs"},
    SyscallRule{SCMP_SYS(signalfd4), "monitors that are told to end"},
    SyscallRule{SCMP_SYS(openat2), "reloads: what create-config.yaml includes"},
    SyscallRule{SCMP_SYS(chroot), "sessiond, on its way into its sandbox"},
};

}  // namespace

Status enter_listener_sandbox(bool with_key_command, bool password_authentication) {
  TRY(forbid_dumps());
  // Gateways outlive the attendant that started them: reaped here, wherever init is.
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return system_error("PR_SET_CHILD_SUBREAPER");
  std::vector<cap_value_t> kept(kListenerCapabilities.begin(), kListenerCapabilities.end());
  // PAM: changed passwords and tallies.
  if (password_authentication) kept.insert(kept.end(), {CAP_CHOWN, CAP_DAC_OVERRIDE});
  TRY(keep_capabilities_only(available_of(kept)));
  std::vector<SyscallRule> rules = attendant_rules(with_key_command, password_authentication);
  rules.insert(rules.end(), kListenerOnly.begin(), kListenerOnly.end());
  return apply_syscall_filter(rules);
}

}  // namespace ssh2incus
