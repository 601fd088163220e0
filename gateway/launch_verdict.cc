// See launch_verdict.h. Statuses are those of a shell: 126 and 127 from Incus, which couldn't
// execute the file, 128 and more for a signal. A file of another format is given to /bin/sh by the
// C library, which finds a syntax error (2) or a strange command (127).
#include "gateway/launch_verdict.h"

#include <csignal>

namespace ssh2incus {
namespace {

// None: it may run another time.
std::optional<std::string> lasting_reason(const LaunchTrial& trial) {
  const std::string said = trial.text.empty() ? "" : ": " + trial.text;
  if (!trial.stored) return "can't be stored in " + trial.directory + said;
  if (!trial.exit_status) return std::nullopt;
  switch (*trial.exit_status) {
    case 2:
    case 127: return "is no program there" + said;
    case 126: return "can't be executed in " + trial.directory;
    case 128 + SIGILL: return "is killed there (SIGILL)";
    case 128 + SIGSEGV: return "is killed there (SIGSEGV)";
    case 128 + SIGBUS: return "is killed there (SIGBUS)";
    case 128 + SIGSYS: return "is killed there (SIGSYS)";
    // Its own failure (1), or something that ended it, like a lack of memory or a stop.
    default: return std::nullopt;
  }
}

}  // namespace

std::optional<std::string> why_guest_cannot_run(std::span<const LaunchTrial> trials) {
  std::string reason;
  for (const LaunchTrial& trial : trials) {
    const auto lasting = lasting_reason(trial);
    if (!lasting) return std::nullopt;
    if (!reason.empty()) reason += ", ";
    reason += *lasting;
  }
  if (reason.empty()) return std::nullopt;
  return "the guest program " + reason;
}

}  // namespace ssh2incus
