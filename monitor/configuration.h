// The configuration in force: config.yaml and the command line, which wins. Read at the start and
// again at each SIGHUP. Fed by the administrator; a file that others can write isn't read.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "monitor/flags.h"
#include "monitor/server_config.h"

namespace ssh2incus {

inline constexpr const char* kDefaultConfigFile = "/etc/ssh2incus/config.yaml";

struct FileProblem {
  std::string file;
  unsigned line = 0;  // 0: the file as a whole
  unsigned column = 0;
  std::string message;
};
std::string to_text(const FileProblem& problem);  // "FILE:LINE:COLUMN: reason"

struct LoadedConfiguration {
  ServerConfig config;  // not to be used if one of the next two is set
  std::optional<ExitNow> exit_now;
  std::vector<FileProblem> problems;

  std::string file;  // that was read; empty: none
  StartupFlags startup;
  ExplainFlags explain;
  std::string dump;  // a config.yaml that says the same
};

// The arguments come without the program's name. default_file may not exist.
LoadedConfiguration load_configuration(const std::vector<std::string>& arguments,
                                       const std::string& default_file = kDefaultConfigFile);

}  // namespace ssh2incus
