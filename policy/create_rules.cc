// Tables of Incus's keys; see create_rules.h.
#include "policy/create_rules.h"

#include <algorithm>
#include <array>

#include "common/limits.h"

namespace ssh2incus {
namespace {

// A name that ends with '.' stands for all that begin with it.
template <std::size_t N>
bool has(const std::array<std::string_view, N>& names, std::string_view key) {
  return std::ranges::any_of(names, [&](std::string_view name) {
    return name.ends_with('.') ? key.starts_with(name) : key == name;
  });
}

constexpr auto kHarmless = std::to_array<std::string_view>({
    "boot.",
    "cloud-init.",
    "cluster.evacuate",
    "environment.",
    "limits.cpu.allowance",
    "limits.cpu.nodes",
    "limits.cpu.priority",
    "limits.disk.priority",
    "limits.memory.swap",
    "limits.memory.swap.priority",
    "limits.processes",
    "security.csm",
    "security.guestapi",
    "security.idmap.isolated",
    "security.protection.",
    "security.secureboot",
    "snapshots.",
    "user.",
});

// What nested containers need, and what is about their calls.
constexpr auto kForNesting = std::to_array<std::string_view>({
    kNestingKey,
    "security.syscalls.intercept.mknod",
    "security.syscalls.intercept.sched_setscheduler",
    "security.syscalls.intercept.setxattr",
    "security.syscalls.intercept.sysinfo",
});

// Truth values which, being false, allow nothing.
constexpr auto kHarmlessIfFalse = std::to_array<std::string_view>({
    kPrivilegedKey,
    kNestingKey,
    "security.syscalls.intercept.",
    "security.guestapi.images",
    "nvidia.runtime",
});

constexpr auto kForContainers = std::to_array<std::string_view>({
    kPrivilegedKey,
    kNestingKey,
    "security.syscalls.",
    "security.idmap.",
    "linux.",
    "nvidia.",
    "limits.cpu.allowance",
    "limits.memory.swap",
    "limits.memory.swap.priority",
    "limits.processes",
});

constexpr auto kRootDiskKeys =
    std::to_array<std::string_view>({"type", "path", "pool", "boot.priority", "limits."});

}  // namespace

bool is_true(std::string_view value) {
  return value == "true" || value == "1" || value == "yes" || value == "on";
}

bool is_false(std::string_view value) {
  return value == "false" || value == "0" || value == "no" || value == "off" || value.empty();
}

ConfigPower power_of(std::string_view key, std::string_view value) {
  if (has(kHarmless, key)) return ConfigPower::kNone;
  if (is_false(value) && has(kHarmlessIfFalse, key)) return ConfigPower::kNone;
  if (key == kPrivilegedKey) return ConfigPower::kPrivileged;
  if (has(kForNesting, key)) return ConfigPower::kNesting;
  return ConfigPower::kRaw;
}

bool is_for_containers(std::string_view key) { return has(kForContainers, key); }

std::string why_not_config_key(std::string_view key) {
  const bool plain = std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (key.empty() || key.size() > limits::kMaxConfigKey || !plain) {
    return "this is no key of Incus's configuration";
  }
  if (key.find('.') == std::string_view::npos) return "keys of Incus have a '.', as in user.name";
  if (key == "limits.memory") return "write 'memory: GIB' instead, beside 'config'";
  if (key == "limits.cpu") return "write 'cpu: NUMBER' instead, beside 'config'";
  if (key.starts_with("volatile.") || key.starts_with("image.")) {
    return "Incus sets this key itself";
  }
  if (key.starts_with("user.ssh2incus.")) return "ssh2incus sets this key itself";
  return {};
}

bool may_be_included(std::string_view key) {
  return key.starts_with("cloud-init.") || key.starts_with("user.");
}

bool is_root_disk(const InstanceConfig& device) {
  const auto is = [&](const char* key, std::string_view value) {
    const auto found = device.find(key);
    return found != device.end() && found->second == value;
  };
  return is("type", "disk") && is("path", "/") &&
         std::ranges::all_of(device, [](const auto& e) { return has(kRootDiskKeys, e.first); });
}

}  // namespace ssh2incus
