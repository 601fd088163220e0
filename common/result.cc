// Error texts for failed system calls.
#include "common/result.h"

#include <cerrno>
#include <system_error>

namespace ssh2incus {

Error system_error(const std::string& what, int error_number) {
  return Error{what + ": " + std::generic_category().message(error_number)};
}

Error system_error(const std::string& what) { return system_error(what, errno); }

}  // namespace ssh2incus
