// config.yml of the Incus client (incus remote list): which remotes there are, where, and which of
// them is meant by default. The file is root's own, or the administrator's for all users; what else
// is in it is the client's business.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/config_tree.h"

namespace ssh2incus {

inline constexpr std::size_t kMaxRemotes = 1000;

struct RemoteEntry {
  std::string name;
  ConfigPosition where;
  std::string address;  // unix:..., https://...
  std::string auth_type;
  std::string project;   // of who names none
  std::string protocol;  // "incus", "simplestreams", "oci"; empty: incus
  bool is_public = false;
};

struct ClientConfig {
  std::string default_remote;
  std::vector<RemoteEntry> remotes;
};

struct ParsedClientConfig {
  ClientConfig config;  // with any problem not to be used
  std::vector<ConfigProblem> problems;
};

ParsedClientConfig parse_client_config(std::string_view text);

}  // namespace ssh2incus
