// Forks and executes sessiond. Everything here is ours.
#include "monitor/sessiond_launcher.h"

#include <unistd.h>

#include <array>

#include "common/ipc_channel.h"
#include "common/ipc_sessiond.h"
#include "common/privileges.h"
#include "monitor/program.h"
#include "monitor/system_users.h"

namespace ssh2incus {
namespace {

// What it takes to enter the empty root and to become another user without a way back.
constexpr std::array<cap_value_t, 4> kSessiondStartCapabilities = {CAP_SYS_CHROOT, CAP_SETUID,
                                                                   CAP_SETGID, CAP_SETPCAP};

[[noreturn]] void run_child(const SessiondIdentity& identity, UniqueFd program,
                            const UniqueFd& channel, const UniqueFd& connection) {
  Status status = keep_capabilities_only(kSessiondStartCapabilities);
  if (status.ok()) {
    const std::array fds = {channel.get(), connection.get()};
    status = execute_program(std::move(program),
                             {"ssh2incus-sessiond", identity.empty_root,
                              std::to_string(identity.uid), std::to_string(identity.gid)},
                             fds);
  }
  // As for the gateway: if the channel isn't on fd 3 yet, its end says enough.
  ipc::IpcChannel notice(UniqueFd(3));
  static_cast<void>(notice.send(ipc::LogNotice{
      truncated<limits::kMaxLogText>("can't start sessiond: " + status.error().message)}));
  _exit(127);
}

}  // namespace

Result<SessiondIdentity> find_sessiond_identity(const std::string& program,
                                                const std::string& empty_root,
                                                const std::string& user) {
  const SystemUser found = TRY(find_system_user(user));
  TRY(open_program(program));
  return SessiondIdentity{program, empty_root, found.uid, found.gid};
}

Result<pid_t> spawn_sessiond(const SessiondIdentity& identity, const UniqueFd& channel,
                             const UniqueFd& connection) {
  if (identity.uid == 0 || identity.gid == 0) return fail("sessiond must not run as root");
  UniqueFd program = TRY(open_program(identity.program));
  const pid_t child = fork();
  if (child < 0) return system_error("fork");
  if (child == 0) run_child(identity, std::move(program), channel, connection);
  return child;
}

}  // namespace ssh2incus
