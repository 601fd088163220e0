// Fed by the administrator.
#include "monitor/flags_create.h"

#include <CLI/CLI.hpp>

namespace ssh2incus {

void add_create_flags(CLI::App& app, ServerConfig& config) {
  app.add_flag("-C,--allow-create", config.allow_create, "allow creation of instances by login");
  app.add_option("--create-config", config.create_config_file,
                 "what created instances are like (default /etc/ssh2incus/create-config.yaml, if "
                 "it's there)");
}

std::string check_create_flags(const ServerConfig& config) {
  const std::string& path = config.create_config_file;
  if (path.empty() || (path.front() == '/' && path.size() < limits::kMaxPath)) return {};
  return "--create-config: '" + path + "' is not an absolute path";
}

}  // namespace ssh2incus
