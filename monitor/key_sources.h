// Which files authorise keys, and those of them that are the administrator's: they are opened with
// root's privileges and owner checks, and read by whoever has given those up.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/unique_fd.h"
#include "monitor/ipc_attendant.h"

namespace ssh2incus {

std::vector<std::string> default_authorized_keys_files();

// Patterns of users' files: "%h" is the user's home, "%u" the name, "%%" a percent sign. Empty
// strings: no such file is configured.
struct KeySources {
  std::vector<std::string> authorized_keys = default_authorized_keys_files();
  std::string authorized_principals;  // a pattern
  std::string trusted_user_ca_keys;   // a path
  std::string revoked_keys;           // a path
};

// A pattern for that user.
std::string expanded(const std::string& pattern, const std::string& home, const std::string& user);

// Opened, or why not; none: not configured.
struct AdministratorFiles {
  std::optional<Result<UniqueFd>> trusted_user_ca_keys;
  std::optional<Result<UniqueFd>> revoked_keys;
};
AdministratorFiles open_administrator_files(const KeySources& sources);

// Why the key, its certificate or the CA may not be used at all: it's revoked, or the file of
// revoked keys can't be read or understood. Empty if nothing is against it.
std::string why_refused_by_revoked_keys(const KeySources& sources, const AdministratorFiles& files,
                                        const KeysRequest& request);

// Whether the administrator's files are there and can be understood: for the start, and for
// whoever wants to know before. The error names file and line.
Status check_key_sources(const KeySources& sources);

}  // namespace ssh2incus
