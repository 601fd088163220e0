// Defines the flags and checks their values. Fed by the administrator.
#include "monitor/flags_password.h"

#include <CLI/CLI.hpp>

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxServiceName = 64;

bool is_service_name(const std::string& name) {
  constexpr const char* kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  return !name.empty() && name.size() <= kMaxServiceName && name.front() != '.' &&
         name.find_first_not_of(kAllowed) == std::string::npos;
}

}  // namespace

void add_password_flags(CLI::App& app, ServerConfig& config, PasswordFlags& flags) {
  app.add_flag("-P,--password-auth", flags.enabled, "enable password authentication");
  app.add_option("--pam-service", config.pam_service,
                 "PAM service, a file in /etc/pam.d (default \"ssh2incus\")");
  app.add_option("--password-failure-time", config.password_failure_ms,
                 "milliseconds that refusing a password takes at least (default 2000)")
      ->check(CLI::Range(1, 60'000));
}

std::string why_not_password_flags(const ServerConfig& config) {
  if (is_service_name(config.pam_service)) return {};
  return "--pam-service: '" + config.pam_service + "' is no name of a PAM service";
}

std::vector<AuthMethod> methods_of(const PasswordFlags& flags) {
  if (!flags.enabled) return {};
  return {AuthMethod::kPassword, AuthMethod::kKeyboardInteractive};
}

}  // namespace ssh2incus
