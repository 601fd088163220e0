// Files that values of create-config.yaml stand for. Written by the administrator; which file may
// be read at all is the loader's business too (monitor/create_config_file.h).
#pragma once

#include <optional>
#include <string>

#include "policy/create_config.h"

namespace ssh2incus {

// The file that a scalar stands for; nothing if it stands for itself.
std::optional<std::string> included_file(const ConfigNode& node);
// Its content as text that is short enough, or why there is none.
Result<std::string> included_content(const IncludedFiles& files, const std::string& name);

}  // namespace ssh2incus
