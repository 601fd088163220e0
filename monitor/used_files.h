// The files besides config.yaml that a configuration leads to: opened at the start and at each
// reload, or only looked at for --check. They belong to the administrator.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "monitor/host_keys.h"
#include "monitor/server_config.h"

namespace ssh2incus {

// The host keys, if everything else is as it must be too. Fills in the default host key files.
Result<HostKeys> open_used_files(ServerConfig& config);

struct FilesReport {
  std::vector<std::string> problems;
  std::vector<std::string> unchecked;  // files that the caller, not being root, may not read
};
FilesReport check_used_files(const ServerConfig& config);

}  // namespace ssh2incus
