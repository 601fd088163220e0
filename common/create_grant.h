// What the gateway may create if the instance of its grant doesn't exist: decided by
// policy/create_plan.h, carried out as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>

#include "common/bounded.h"
#include "common/limits.h"

namespace ssh2incus {

enum class ImageProtocol : std::uint8_t { kSimplestreams = 1, kIncus };
constexpr bool is_valid(ImageProtocol protocol) {
  return protocol == ImageProtocol::kSimplestreams || protocol == ImageProtocol::kIncus;
}

struct ImageServerGrant {
  BoundedString<limits::kMaxUrl> url;
  ImageProtocol protocol = ImageProtocol::kSimplestreams;
  BoundedString<limits::kMaxImageCertificate> certificate;  // PEM; empty: of a known authority
  auto fields() { return std::tie(url, protocol, certificate); }
};

struct CreateEntry {
  BoundedString<limits::kMaxConfigKey> key;
  BoundedString<limits::kMaxConfigValue> value;
  auto fields() { return std::tie(key, value); }
};

struct CreateDevice {
  BoundedString<limits::kMaxDeviceName> name;
  BoundedList<CreateEntry, limits::kMaxDeviceKeys> entries;
  auto fields() { return std::tie(name, entries); }
};

struct CreateGrant {
  BoundedString<limits::kMaxImageName> image;  // an alias, or a fingerprint
  std::optional<ImageServerGrant> server;      // none: Incus has the image itself
  bool local_first = false;                    // with a server: if Incus has it, from there
  bool ephemeral = false;
  bool virtual_machine = false;
  BoundedList<CreateEntry, limits::kMaxCreateConfig> config;
  BoundedList<CreateDevice, limits::kMaxCreateDevices> devices;
  // Of the root disk that Incus's profile gives it; none: as there, 0: unlimited.
  std::optional<std::uint32_t> disk_gib;
  BoundedString<limits::kMaxUserName> created_by;  // host user
  std::optional<std::uint32_t> max_instances;      // of that user; none: no limit
  bool must_be_new = false;  // access was decided for an instance that doesn't exist
  auto fields() {
    return std::tie(image, server, local_first, ephemeral, virtual_machine, config, devices,
                    disk_gib, created_by, max_instances, must_be_new);
  }
};

}  // namespace ssh2incus
