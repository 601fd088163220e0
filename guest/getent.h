// Asks the instance's own getent(1), which knows all of its name services; a static program can't
// load them. With a time limit and bounded output.
#pragma once

#include <optional>
#include <string>

namespace ssh2incus::guest {

// What it has printed. None: there is no getent, it doesn't know the database, or takes too long.
// An unknown key prints nothing.
inline constexpr int kGetentMs = 5'000;
std::optional<std::string> run_getent(const char* database, const std::string& key,
                                      int limit_ms = kGetentMs);

}  // namespace ssh2incus::guest
