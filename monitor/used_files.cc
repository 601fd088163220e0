// One list of what is looked at; whoever adds a file to the configuration adds a line to it.
#include "monitor/used_files.h"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "monitor/access_file.h"
#include "monitor/account_check.h"
#include "monitor/connection.h"
#include "monitor/create_config_file.h"
#include "monitor/gateway_launcher.h"
#include "monitor/greeting_files.h"
#include "monitor/host_key_file.h"
#include "monitor/remotes.h"
#include "monitor/sessiond_launcher.h"
#include "policy/algorithm_lists.h"

namespace ssh2incus {
namespace {

Status pam_service(const ServerConfig& config) { return check_pam_service(config.pam_service); }

Status key_sources(const ServerConfig& config) { return check_key_sources(key_sources_of(config)); }

Status access_policy(const ServerConfig& config) {
  TRY(open_access_policy(config));
  return {};
}

Status greetings(const ServerConfig& config) {
  TRY(open_greetings(config));
  return {};
}

Status create_config(const ServerConfig& config) {
  TRY(open_create_config(config));
  return {};
}

// Root's own files: nobody else can look at them.
Status remotes(const ServerConfig& config) {
  if (geteuid() != 0) return {};
  TRY(open_remotes(config));
  return {};
}

// Whether each can be used as configured. Run at the start, at a reload and by --check.
constexpr std::array kFileChecks = {pam_service, key_sources,   access_policy,
                                    greetings,   create_config, remotes};

void check_single_remotes(const ServerConfig& config, FilesReport& report) {
  if (geteuid() != 0) return report.unchecked.push_back("remotes of root's Incus client");
  const auto table = open_remotes(config);
  if (!table.ok()) return;  // told by remotes()
  for (const std::string& problem : (*table)->problems) report.problems.push_back(problem);
}

Status sessiond_program(const ServerConfig& config) {
  TRY(find_sessiond_identity(config.libexec_dir + "/ssh2incus-sessiond", config.run_dir));
  return {};
}

Status gateway_program(const ServerConfig& config) {
  TRY(find_gateway_identity(config.libexec_dir + "/ssh2incus-gateway", config.incus_socket));
  return {};
}

Status key_command(const ServerConfig& config) {
  TRY(prepare_key_command(config));
  return {};
}

// For --check alone: the start does the same as it prepares itself (monitor/connection.h).
constexpr std::array kProgramChecks = {sessiond_program, gateway_program, key_command};

Status check_host_key_algorithms(const ServerConfig& config, const HostKeys& keys) {
  std::string_view list = config.host_key_algorithms;
  const std::string ours = keys.algorithm_list();
  for (;;) {
    const std::size_t comma = list.find(',');
    if (lists_algorithm(ours, list.substr(0, comma))) return {};
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return fail("no host key can sign by any of --host-key-algorithms");
}

bool may_not_read(const std::string& path) {
  return geteuid() != 0 && access(path.c_str(), R_OK) != 0 && errno == EACCES;
}

void check_host_keys(const ServerConfig& config, FilesReport& report) {
  std::vector<std::string> paths = config.host_key_files;
  if (paths.empty()) {
    auto found = HostKeys::default_paths();
    if (!found.ok()) return report.problems.push_back(found.error().message);
    paths = std::move(*found);
  }
  bool sound = true;
  for (const std::string& path : paths) {
    if (may_not_read(path)) {
      report.unchecked.push_back("host key " + path);
      sound = false;
    } else if (auto loaded = HostKeys::load({path}); !loaded.ok()) {
      report.problems.push_back(loaded.error().message);
      sound = false;
    }
  }
  if (!sound) return;
  const auto keys = HostKeys::load(paths);
  if (auto fits = check_host_key_algorithms(config, *keys); !fits.ok())
    report.problems.push_back(fits.error().message);
}

}  // namespace

Result<HostKeys> open_used_files(ServerConfig& config) {
  if (config.host_key_files.empty()) config.host_key_files = TRY(HostKeys::default_paths());
  HostKeys keys = TRY(HostKeys::load(config.host_key_files));
  TRY(check_host_key_algorithms(config, keys));
  for (const auto& check : kFileChecks) TRY(check(config));
  config.access_policy = TRY(open_access_policy(config));
  config.greetings = TRY(open_greetings(config));
  config.create_config = TRY(open_create_config(config));
  config.remotes = TRY(open_remotes(config));
  return keys;
}

FilesReport check_used_files(const ServerConfig& config) {
  FilesReport report;
  check_host_keys(config, report);
  check_single_remotes(config, report);
  for (const auto& checks : {std::vector(kFileChecks.begin(), kFileChecks.end()),
                             std::vector(kProgramChecks.begin(), kProgramChecks.end())}) {
    for (const auto& check : checks) {
      if (auto status = check(config); !status.ok())
        report.problems.push_back(status.error().message);
    }
  }
  return report;
}

}  // namespace ssh2incus
