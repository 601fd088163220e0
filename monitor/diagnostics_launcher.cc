// Forks and executes it, as sessiond is started.
#include "monitor/diagnostics_launcher.h"

#include <unistd.h>

#include <array>

#include "common/privileges.h"
#include "monitor/program.h"

namespace ssh2incus {
namespace {

// What it takes to enter the empty root and to become another user without a way back.
constexpr std::array<cap_value_t, 4> kStartCapabilities = {CAP_SYS_CHROOT, CAP_SETUID, CAP_SETGID,
                                                           CAP_SETPCAP};

[[noreturn]] void run_child(const SessiondIdentity& identity, UniqueFd program,
                            const ipc::IpcChannel& channel, const UniqueFd& socket) {
  if (keep_capabilities_only(kStartCapabilities).ok()) {
    const std::array fds = {channel.fd(), socket.get()};
    static_cast<void>(execute_program(std::move(program),
                                      {"ssh2incus-diagnostics", identity.empty_root,
                                       std::to_string(identity.uid), std::to_string(identity.gid)},
                                      fds));
  }
  _exit(127);
}

}  // namespace

Result<LaunchedDiagnostics> launch_diagnostics(const SessiondIdentity& identity,
                                               const std::string& program, const UniqueFd& socket) {
  if (identity.uid == 0 || identity.gid == 0) return fail("diagnostics must not run as root");
  UniqueFd opened = TRY(open_program(program));
  auto [ours, theirs] = TRY(ipc::IpcChannel::pair());
  const pid_t child = fork();
  if (child < 0) return system_error("fork");
  if (child == 0) run_child(identity, std::move(opened), theirs, socket);
  return LaunchedDiagnostics{child, std::move(ours)};
}

}  // namespace ssh2incus
