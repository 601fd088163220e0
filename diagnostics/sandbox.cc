// Started as root with CAP_SYS_CHROOT, SETUID, SETGID and SETPCAP; afterwards it has none.
#include "diagnostics/sandbox.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>

#include "common/crash_notice.h"
#include "common/ipc_diagnostics.h"
#include "common/privileges.h"
#include "common/sanitized.h"
#include "common/syscall_filter.h"
#include "diagnostics/syscalls.h"

namespace ssh2incus {
namespace {

int g_crash_fd = -1;  // set once, before the filter

void report_crash(int number) {
  const auto notice = crash_notice_bytes(ipc::DiagnosticsCrashNotice::kKind, number);
  send(g_crash_fd, notice.data(), notice.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

Status limit_memory() {
  constexpr rlim_t kMost = 64UL * 1024 * 1024;
  const rlimit limit{kMost, kMost};
  if (setrlimit(RLIMIT_DATA, &limit) != 0) return system_error("setrlimit DATA");
  return {};
}

}  // namespace

Status enter_diagnostics_sandbox(const std::string& empty_root, uid_t uid, gid_t gid,
                                 int crash_fd) {
  if (uid == 0 || gid == 0) return fail("diagnostics must not run as root");
  const pid_t parent = getppid();
  TRY(enter_empty_root(empty_root));
  TRY(limit_bounding_set({}));
  TRY(become_user(uid, gid, {}));
  TRY(keep_capabilities_only({}));
  TRY(apply_resource_limits(ResourceLimits{.open_files = 64}));
  if (!kSanitized) TRY(limit_memory());
  TRY(forbid_dumps());
  TRY(die_with_parent(parent));
  g_crash_fd = crash_fd;
  if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) return system_error("signal");
  report_refused_syscalls(report_crash);
  if (kSanitized) return {};
  return apply_syscall_filter(kDiagnosticsSyscalls);
}

}  // namespace ssh2incus
