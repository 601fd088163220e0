// What keys of an instance's configuration and its devices mean for who else is on the host. Fed by
// the administrator's create-config.yaml. What isn't known to be harmless counts as raw.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace ssh2incus {

using InstanceConfig = std::map<std::string, std::string>;

inline constexpr std::string_view kPrivilegedKey = "security.privileged";
inline constexpr std::string_view kNestingKey = "security.nesting";

// What a key may do to the host when it has that value.
enum class ConfigPower : std::uint8_t {
  kNone,        // the instance's own business
  kPrivileged,  // root inside is root outside
  kNesting,     // containers in the container, and what they need
  kRaw,         // anything else
};
ConfigPower power_of(std::string_view key, std::string_view value);

// As Incus reads truth values; anything else is none.
bool is_true(std::string_view value);
bool is_false(std::string_view value);

// About containers only: a virtual machine has no such key.
bool is_for_containers(std::string_view key);

// Why no such key can be in create-config.yaml; empty if it can. Whether Incus knows it, it says
// itself.
std::string why_not_config_key(std::string_view key);
// Keys that hold data for cloud-init or the instance, which may come from a file.
bool may_be_included(std::string_view key);

// A disk that is the instance's root and nothing else.
bool is_root_disk(const InstanceConfig& device);

}  // namespace ssh2incus
