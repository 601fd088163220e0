// See program_path.h.
#include "guest/program_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace ssh2incus::guest {

Result<std::string> find_program(const std::string& name) {
  for (const char* directory :
       {"/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/", "/usr/local/sbin/"}) {
    const std::string path = directory + name;
    struct stat status {};
    if (stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        (status.st_mode & S_IXUSR) != 0) {
      return path;
    }
  }
  return fail("the instance has no program " + name);
}

Result<std::string> own_path() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  if (length <= 0 || length == static_cast<ssize_t>(path.size()))
    return system_error("cannot find the guest program");
  const std::string text(path.data(), static_cast<std::size_t>(length));
  if (access(text.c_str(), X_OK) != 0) return system_error(text);
  return text;
}

}  // namespace ssh2incus::guest
