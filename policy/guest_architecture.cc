// See guest_architecture.h.
#include "policy/guest_architecture.h"

namespace ssh2incus {

std::optional<std::string_view> guest_architecture(std::string_view of_instance,
                                                   bool virtual_machine) {
  if (of_instance == "x86_64") return "x86_64";
  if (of_instance == "aarch64") return "aarch64";
  if (virtual_machine) return std::nullopt;
  if (of_instance == "i686") return "x86_64";
  if (of_instance == "armv8l" || of_instance == "armv7l" || of_instance == "armv6l") {
    return "aarch64";
  }
  return std::nullopt;
}

}  // namespace ssh2incus
