// Which build of the guest an instance needs. Architectures have the names of Incus (and the
// kernel).
#pragma once

#include <optional>
#include <string_view>

namespace ssh2incus {

inline constexpr std::string_view kNativeArchitecture =
#if defined(__aarch64__)
    "aarch64";
#else
    "x86_64";
#endif

// None: there is no build for it. A container shares its host's kernel, which runs 64-bit programs
// whatever the container's own are; a virtual machine runs what it says.
std::optional<std::string_view> guest_architecture(std::string_view of_instance,
                                                   bool virtual_machine);

}  // namespace ssh2incus
