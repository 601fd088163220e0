// Capabilities that are wanted where the system grants them: containers often lack some, and what
// they're for fails by itself then.
#pragma once

#include <sys/capability.h>

#include <span>
#include <vector>

namespace ssh2incus {

// Those of wanted that this process has (permitted).
std::vector<cap_value_t> available_of(std::span<const cap_value_t> wanted);

}  // namespace ssh2incus
