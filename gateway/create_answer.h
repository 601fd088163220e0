// What Incus's answers mean to a creation. As hostile as in gateway/incus_answer.h.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.h"

namespace ssh2incus {

// Keys of an instance's configuration by which a gateway knows what it has made, and for whom.
inline constexpr const char* kCreationKey = "user.ssh2incus.creation";
inline constexpr const char* kCreatedByKey = "user.ssh2incus.created-by";

struct MadeInstance {
  std::string mark;        // empty: none
  std::string created_at;  // RFC 3339; empty: not told, or not in UTC
  [[nodiscard]] std::optional<std::chrono::seconds> unix_time() const;
  [[nodiscard]] bool is_older_than(const MadeInstance& other) const;
};
Result<MadeInstance> interpret_made_instance(std::string_view body);
Result<std::vector<MadeInstance>> interpret_made_instances(std::string_view body);

// "container" or "virtual-machine", of what an image's alias is for.
Result<std::string> interpret_image_type(std::string_view body);

using DeviceKeys = std::map<std::string, std::string>;
// The root disk among a profile's devices, by its name.
Result<std::optional<std::pair<std::string, DeviceKeys>>> interpret_root_disk(
    std::string_view body);

}  // namespace ssh2incus
