// Paths are checked here for form; the files themselves at the start of the server.
#include "monitor/flags_certificates.h"

#include "common/limits.h"

namespace ssh2incus {
namespace {

std::string check_path(const char* flag, const std::string& path) {
  if (path.empty() || (path.front() == '/' && path.size() < limits::kMaxPath)) return {};
  return std::string(flag) + ": '" + path + "' is not an absolute path";
}

// "~/x" and "x" are in the user's home.
std::string set_pattern(std::string& pattern) {
  if (pattern.empty()) return {};
  for (std::size_t i = pattern.find('%'); i != std::string::npos; i = pattern.find('%', i + 2)) {
    if (i + 1 == pattern.size() ||
        std::string_view("hu%").find(pattern[i + 1]) == std::string_view::npos) {
      return "--authorized-principals-file: only %h, %u and %% may follow '%' in '" + pattern + "'";
    }
  }
  if (pattern.starts_with("~/")) pattern = pattern.substr(2);
  if (!pattern.starts_with('/') && !pattern.starts_with("%h/")) pattern = "%h/" + pattern;
  if (pattern.size() < limits::kMaxPath) return {};
  return "--authorized-principals-file: the pattern is too long";
}

}  // namespace

void add_certificate_flags(CLI::App& app, ServerConfig& config) {
  app.add_option("--trusted-user-ca-keys", config.trusted_user_ca_keys,
                 "file of CA keys whose certificates let their principals log in");
  app.add_option("--authorized-principals-file", config.authorized_principals_file,
                 "file of the principals that may log in as a user, e.g. "
                 "\"~/.ssh/authorized_principals\" or \"/etc/ssh/principals/%u\"; without it the "
                 "user's name must be one of the certificate's principals");
  app.add_option("--revoked-keys", config.revoked_keys,
                 "file of keys that are always refused: a list of keys, or a KRL of ssh-keygen -k");
}

std::string check_certificate_flags(ServerConfig& config) {
  if (auto wrong = check_path("--trusted-user-ca-keys", config.trusted_user_ca_keys);
      !wrong.empty()) {
    return wrong;
  }
  if (auto wrong = check_path("--revoked-keys", config.revoked_keys); !wrong.empty()) return wrong;
  return set_pattern(config.authorized_principals_file);
}

}  // namespace ssh2incus
