// create-config.yaml and the files that it includes. Read by the listener at its start and at each
// reload, and by --check and --explain. Files that others can write aren't read, and no file that
// isn't below the directory of create-config.yaml.
#pragma once

#include <memory>
#include <string>

#include "common/result.h"
#include "monitor/server_config.h"
#include "policy/create_config.h"

namespace ssh2incus {

inline constexpr const char* kDefaultCreateConfigFile = "/etc/ssh2incus/create-config.yaml";

// Built-in values if the default file isn't there. The error lists all problems with their places.
Result<std::shared_ptr<const CreateConfig>> open_create_config(
    const ServerConfig& config, const std::string& default_file = kDefaultCreateConfigFile);

}  // namespace ssh2incus
