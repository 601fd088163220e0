// The access policy that a configuration names: a built-in one or a file. Read by the listener at
// its start and at each reload, and by --check and --explain. A file that others can write isn't
// read.
#pragma once

#include <memory>
#include <string>

#include "common/result.h"
#include "monitor/server_config.h"

namespace ssh2incus {

inline constexpr const char* kDefaultAccessFile = "/etc/ssh2incus/access.yaml";

// The error lists all problems, each with its place.
Result<AccessPolicy> load_access_policy(const std::string& path);

// What config.access stands for; null: "default", the allowed groups. An error too if a rule needs
// what this server can't do: methods that aren't enabled, recordings.
Result<std::shared_ptr<const AccessPolicy>> open_access_policy(
    const ServerConfig& config, const std::string& default_file = kDefaultAccessFile);

}  // namespace ssh2incus
