// Looks at the process's own capability sets.
#include "monitor/capabilities.h"

#include <memory>
#include <type_traits>

namespace ssh2incus {
namespace {

struct FreeCapabilities {
  void operator()(cap_t capabilities) const { cap_free(capabilities); }
};

}  // namespace

std::vector<cap_value_t> available_of(std::span<const cap_value_t> wanted) {
  std::vector<cap_value_t> available;
  const std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCapabilities> own(cap_get_proc());
  if (!own) return available;
  for (const cap_value_t capability : wanted) {
    cap_flag_value_t value = CAP_CLEAR;
    if (cap_get_flag(own.get(), capability, CAP_PERMITTED, &value) == 0 && value == CAP_SET) {
      available.push_back(capability);
    }
  }
  return available;
}

}  // namespace ssh2incus
