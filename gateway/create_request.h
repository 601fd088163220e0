// The body of the request that creates an instance, from the grant and what was found out before.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "common/create_grant.h"
#include "gateway/create_answer.h"

namespace ssh2incus {

struct ImageSource {
  bool from_server = false;  // the grant's; else Incus has the image
  bool fingerprint = false;  // the grant's image is one, not an alias
};

// The root disk of the profile with the grant's size; nothing if it can stay as it is, or if the
// grant has a root disk of its own.
std::optional<std::pair<std::string, DeviceKeys>> sized_root_disk(
    const CreateGrant& grant, const std::optional<std::pair<std::string, DeviceKeys>>& of_profile);

// mark: what kCreationKey gets.
std::string creation_body(const CreateGrant& grant, const std::string& instance,
                          const std::string& mark, ImageSource source,
                          const std::optional<std::pair<std::string, DeviceKeys>>& root_disk);

}  // namespace ssh2incus
