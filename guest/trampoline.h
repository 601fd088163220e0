// The guest's program as the "shell" that su(1) starts: it becomes what the order on descriptor 3
// says, with that environment over what su and PAM have set. Runs as the user, for the user.
#pragma once

namespace ssh2incus::guest {

inline constexpr int kOrderDescriptor = 3;

// Whether this process was started like that: su gives a login shell a name that begins with '-'.
bool is_trampoline(const char* own_name);
// Doesn't return unless it fails: then what to exit with.
int run_trampoline();

}  // namespace ssh2incus::guest
