// The attendant's life: forgets the host keys, keeps one fd, sheds, serves, ends.
#include "monitor/attendant.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <vector>

#include "common/privileges.h"
#include "common/syscall_filter.h"
#include "monitor/attendant_session.h"
#include "monitor/capabilities.h"
#include "monitor/child_task.h"
#include "monitor/pam_syscalls.h"

namespace ssh2incus {
namespace {

constexpr std::array<cap_value_t, 6> kAttendantCapabilities = {
    CAP_SETUID,           // the key reader becomes the user, the gateway its own
    CAP_SETGID,           // and takes the user's groups
    CAP_SETPCAP,          // children empty their bounding sets
    CAP_KILL,             // ending a key reader, which has another uid; PDEATHSIG needs it too
    CAP_DAC_READ_SEARCH,  // PAM: shadow files of mode 0
    CAP_AUDIT_WRITE,      // PAM: libpam fails where it can't write to the audit log
};
// Only where passwords are checked: what PAM's children need then (monitor/pam_conversation.cc).
constexpr std::array<cap_value_t, 2> kPasswordCapabilities = {CAP_CHOWN, CAP_DAC_OVERRIDE};
constexpr unsigned kOpenFiles = 256;

void set_neutral_environment() {
  clearenv();
  setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
  umask(022);
  if (chdir("/") != 0) _exit(1);
  std::signal(SIGPIPE, SIG_DFL);
  std::signal(SIGCHLD, SIG_DFL);
}

Status shed_privileges(const AttendantConfig& config, pid_t monitor) {
  std::vector<cap_value_t> kept(kAttendantCapabilities.begin(), kAttendantCapabilities.end());
  if (config.password_authentication) {
    kept.insert(kept.end(), kPasswordCapabilities.begin(), kPasswordCapabilities.end());
  }
  TRY(keep_capabilities_only(available_of(kept)));
  TRY(die_with_parent(monitor));
  TRY(forbid_dumps());
  TRY(apply_resource_limits({false, false, kOpenFiles}));
  report_refusals_to_channel();
  return apply_syscall_filter(
      attendant_rules(config.key_command.has_value(), config.password_authentication));
}

Status serve(ipc::IpcChannel& channel, const AttendantConfig& config) {
  AttendantSession session(channel, config);
  while (!session.finished()) {
    const std::optional<ipc::Packet> packet = TRY(channel.receive());
    if (!packet) return {};
    TRY(session.serve(*packet));
  }
  return {};
}

}  // namespace

void run_attendant(ipc::IpcChannel channel, const AttendantConfig& config, pid_t monitor) {
  if (config.wipe_secrets) config.wipe_secrets();
  auto kept = keep_only_channel(std::move(channel), config.shell_starter);
  if (!kept.ok()) _exit(1);
  set_neutral_environment();
  Status status = shed_privileges(config, monitor);
  if (status.ok()) status = serve(*kept, config);
  if (status.ok()) _exit(0);
  static_cast<void>(
      kept->send(AttendantFailed{truncated<limits::kMaxLogText>(status.error().message)}));
  _exit(1);
}

Result<SpawnedAttendant> spawn_attendant(const AttendantConfig& config) {
  auto [ours, theirs] = TRY(ipc::IpcChannel::pair());
  const pid_t monitor = getpid();
  const pid_t child = fork();
  if (child < 0) return system_error("fork");
  if (child == 0) {
    ours.release().reset();
    run_attendant(std::move(theirs), config, monitor);
  }
  return SpawnedAttendant{child, std::move(ours)};
}

}  // namespace ssh2incus
