// Whether an instance can't run the guest at all, or may be able to another time: a pure function
// of how the tries went. What took too long is never among them: it is no reason to fall back to
// something else.
#pragma once

#include <optional>
#include <span>
#include <string>

namespace ssh2incus {

// One try to store and run the guest.
struct LaunchTrial {
  std::string directory;
  bool stored = false;             // the binary lay there when it was to be run
  std::optional<int> exit_status;  // of the command that ended without a hello; none: not known
  std::string text;                // what Incus said, or else the command; fit for a message
};

// Why not, if every one of the tries failed for a lasting reason.
std::optional<std::string> why_guest_cannot_run(std::span<const LaunchTrial> trials);

}  // namespace ssh2incus
