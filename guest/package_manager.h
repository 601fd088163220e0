// Which package manager installs a package, by the instance's os-release(5): a pure function. The
// file is the instance's own root's; nothing of it gets into a command.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ssh2incus::guest {

struct PackageManager {
  std::string program;  // looked for in the system's directories
  // Arguments of each step, in order; all but the last may fail.
  std::vector<std::vector<std::string>> steps;
};

// In order of preference, of which the first that is there counts; none: an unknown system.
std::vector<PackageManager> package_managers(std::string_view os_release,
                                             const std::string& package);

}  // namespace ssh2incus::guest
