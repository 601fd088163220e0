// OpenSSH's arithmetic of failed attempts. Method names come from the client.
#include "policy/attempts.h"

namespace ssh2incus {

AuthAttempts::Verdict AuthAttempts::record(std::string_view method, AttemptResult result) {
  const bool first = requests_ == 0;
  ++requests_;
  const bool free = first && method == "none";
  if (result != AttemptResult::kFailed || free) return {failures_ >= max_tries_, false};
  ++failures_;
  // The first half of the tries is often a client going through the keys of an agent.
  const bool notable =
      failures_ >= max_tries_ / 2 || method == "password" || method == "keyboard-interactive";
  return {failures_ >= max_tries_, notable};
}

}  // namespace ssh2incus
