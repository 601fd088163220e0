// Command line parsing by CLI11. Fed by the administrator; every value is checked here.
#include "monitor/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "common/limits.h"
#include "common/names.h"
#include "monitor/flags_access.h"
#include "monitor/flags_certificates.h"
#include "monitor/flags_create.h"
#include "monitor/flags_diagnostics.h"
#include "monitor/flags_forward.h"
#include "monitor/flags_instance.h"
#include "monitor/flags_network.h"
#include "monitor/flags_password.h"
#include "monitor/flags_remote.h"
#include "monitor/flags_session.h"
#include "policy/ip_address.h"
#include "policy/key_command_line.h"
#include "policy/listen_address.h"
#include "policy/startups.h"

namespace ssh2incus {
namespace {

constexpr const char* kVersion = "ssh2incus " SSH2INCUS_VERSION;

std::string check_groups(const std::vector<std::string>& groups) {
  for (const std::string& group : groups) {
    if (auto reason = why_not_user_name(group); !reason.empty())
      return "--groups: '" + group + "': " + reason;
  }
  return {};
}

std::string check_patterns(const char* flag, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    if (pattern.empty() || pattern.size() > limits::kMaxEnvironmentName ||
        pattern.find_first_of("= \t") != std::string::npos) {
      return std::string(flag) + ": '" + pattern + "' is no pattern of variable names";
    }
  }
  return {};
}

struct RawFlags {
  bool version = false;
  bool no_penalties = false;
  StartupFlags startup;
  NetworkFlags network;
  AccessFlags access;
  std::string max_startups = "10:30:100";
  std::string auth_methods;
  PasswordFlags password;
  ForwardFlags forward;
  SessionFlags session;
  DiagnosticsFlags diagnostics;
};

void add_reference_flags(CLI::App& app, ServerConfig& config, RawFlags& raw) {
  app.add_option("--auth-methods", raw.auth_methods,
                 "enable auth method chain, e.g.: \"publickey,password\"");
  app.add_flag("--chroot-sftp", config.chroot_sftp,
               "confine sftp of users other than root to their home");
  app.add_flag("-d,--debug", config.debug, "enable debug log");
  app.add_option(
         "-g,--groups", config.allowed_groups,
         "list of groups members of which allowed to connect (default \"incus,incus-admin\")")
      ->delimiter(',');
  app.add_option(
         "-l,--listen", config.listen,
         "listen on \":port\", \"host:port\" or \"unix:/path[,mode=0600][,group=NAME]\"; may "
         "be repeated (default \":2222\")")
      ->allow_extra_args(false);
  app.add_flag("-m,--master", config.master, "start master process and spawn workers");
  add_remote_flags(app, config);
  app.add_flag("-v,--version", raw.version, "print version")->configurable(false);
}

void add_startup_flags(CLI::App& app, StartupFlags& startup) {
  app.add_option("--config", startup.config_file,
                 "configuration file (default /etc/ssh2incus/config.yaml, if it's there)")
      ->configurable(false);
  app.add_flag("--check", startup.check, "validate all files that are used, and exit")
      ->configurable(false);
  app.add_flag("--dump", startup.dump, "print the configuration in force, and exit")
      ->configurable(false);
  app.add_flag(
         "--take-over", startup.take_over,
         "take the sockets and connections of the server that runs with this --run-dir, which "
         "then ends; without one, just start")
      ->configurable(false);
}

void add_own_flags(CLI::App& app, ServerConfig& config, RawFlags& raw) {
  app.add_option("--host-key", config.host_key_files,
                 "private host key file; may be repeated (default /etc/ssh/ssh_host_*_key)");
  app.add_option("--login-grace-time", config.login_grace_seconds,
                 "seconds to log in (default 120)")
      ->check(CLI::Range(1, 3600));
  app.add_option("--max-auth-tries", config.max_auth_tries,
                 "failures before disconnection (default 6)")
      ->check(CLI::Range(1, 60));
  app.add_option("--max-sessions", config.max_sessions, "sessions per connection (default 10)")
      ->check(CLI::Range(0, 1000));
  app.add_option("--max-startups", raw.max_startups,
                 "START:RATE:FULL unauthenticated connections (default 10:30:100)");
  app.add_option("--per-source-max-startups", config.per_source_max_startups,
                 "unauthenticated connections per source (default: no limit)");
  app.add_option("--penalty-exempt", config.penalty_exempt,
                 "addresses or CIDR blocks that are never penalised, comma-separated");
  app.add_option("--penalty-half-life", config.penalty_half_life_seconds,
                 "seconds in which half of what a source or user has gathered is forgotten "
                 "(default 120)")
      ->check(CLI::Range(1, 86400));
  app.add_flag("--no-penalties", raw.no_penalties, "don't penalise sources that misbehave");
  app.add_option("--accept-env", config.accepted_environment,
                 "variables that clients may set, patterns, comma-separated")
      ->delimiter(',');
  app.add_option(
         "--permit-user-environment", config.permitted_key_environment,
         "variables that environment= of authorized_keys may set, patterns, comma-separated")
      ->delimiter(',');
  app.add_option("--authorized-keys-command", config.authorized_keys_command,
                 "program, with arguments, that prints a user's authorized_keys (%u, %k, ...)");
  app.add_option("--authorized-keys-command-user", config.authorized_keys_command_user,
                 "unprivileged user to run that program as");
  app.add_option("--libexec-dir", config.libexec_dir, "where the helper programs are");
  add_network_flags(app, config, raw.network);
  add_access_flags(app, config, raw.access);
  app.add_option("--run-dir", config.run_dir, "run-time directory (default /run/ssh2incus)");
  app.add_option("--pid-file", config.pid_file, "file to write the listener's process id to");
}

// Without chains any method that is enabled will do; a chain enables the methods that it names.
std::string set_auth_chains(ServerConfig& config, const RawFlags& raw) {
  std::vector<AuthMethod> enabled = config.auth_chains.methods();
  for (const AuthMethod method : methods_of(raw.password)) enabled.push_back(method);
  config.enabled_methods = enabled;
  if (raw.auth_methods.empty()) {
    config.auth_chains = AuthenticationChains::any_of(enabled);
    return {};
  }
  auto chains = AuthenticationChains::parse(raw.auth_methods, enabled);
  if (!chains.ok()) return "--auth-methods: " + chains.error().message;
  for (const AuthMethod method : chains->methods()) {
    if (std::ranges::find(enabled, method) == enabled.end())
      config.enabled_methods.push_back(method);
  }
  config.auth_chains = std::move(*chains);
  return {};
}

std::string check_key_command(const ServerConfig& config) {
  const std::string& text = config.authorized_keys_command;
  const std::string& user = config.authorized_keys_command_user;
  if (text.empty() != user.empty()) {
    return "--authorized-keys-command and --authorized-keys-command-user need each other";
  }
  if (text.empty()) return {};
  if (const auto line = KeyCommandLine::parse(text); !line.ok()) {
    return "--authorized-keys-command: " + line.error().message;
  }
  if (auto reason = why_not_user_name(user); !reason.empty()) {
    return "--authorized-keys-command-user: " + reason;
  }
  return {};
}

std::string check_paths(const ServerConfig& config) {
  for (const std::string* path : {&config.incus_socket, &config.libexec_dir, &config.run_dir}) {
    if (path == &config.incus_socket && path->empty()) continue;  // --socket none
    if (path->empty() || path->front() != '/' || path->size() >= limits::kMaxPath) {
      return "'" + *path + "' is not an absolute path";
    }
  }
  return {};
}

std::string check(ServerConfig& config, const RawFlags& raw) {
  for (auto* list : {&config.accepted_environment, &config.permitted_key_environment}) {
    if (*list == std::vector<std::string>{kEmptyList}) list->clear();
  }
  for (const std::string& listen : config.listen) {
    if (auto sound = parse_listen_address(listen); !sound.ok())
      return "--listen: " + sound.error().message;
  }
  if (auto wrong = check_groups(config.allowed_groups); !wrong.empty()) return wrong;
  if (auto wrong = check_patterns("--accept-env", config.accepted_environment); !wrong.empty())
    return wrong;
  if (auto wrong = check_patterns("--permit-user-environment", config.permitted_key_environment);
      !wrong.empty()) {
    return wrong;
  }
  if (auto wrong = check_key_command(config); !wrong.empty()) return wrong;
  if (config.no_authentication && !raw.auth_methods.empty())
    return "--noauth: nothing is left for --auth-methods to do";
  if (auto wrong = set_auth_chains(config, raw); !wrong.empty()) return wrong;
  if (auto wrong = check_certificate_flags(config); !wrong.empty()) return wrong;
  if (auto wrong = check_instance_flags(config); !wrong.empty()) return wrong;
  if (auto wrong = why_not_password_flags(config); !wrong.empty()) return wrong;
  if (auto wrong = check_session_flags(config, raw.session); !wrong.empty()) return wrong;
  if (auto wrong = check_diagnostics_flags(config, raw.diagnostics); !wrong.empty()) return wrong;
  if (!raw.max_startups.empty()) {
    auto parsed = parse_max_startups(raw.max_startups);
    if (!parsed.ok()) return "--max-startups: " + parsed.error().message;
    config.max_startups = *parsed;
  }
  if (auto wrong = why_not_address_list(config.penalty_exempt);
      !config.penalty_exempt.empty() && !wrong.empty()) {
    return "--penalty-exempt: " + wrong;
  }
  config.penalties = !raw.no_penalties;
  if (auto wrong = check_network_flags(config, raw.network); !wrong.empty()) return wrong;
  if (auto wrong = check_access_flags(config, raw.access); !wrong.empty()) return wrong;
  if (auto wrong = check_forward_flags(config, raw.forward); !wrong.empty()) return wrong;
  if (auto wrong = check_create_flags(config); !wrong.empty()) return wrong;
  return check_paths(config);
}

}  // namespace

struct FlagParser::State {
  CLI::App app{"SSH server for Incus instances", "ssh2incus"};
  ServerConfig config;
  RawFlags raw;
};

FlagParser::FlagParser() : state_(std::make_unique<State>()) {
  CLI::App& app = state_->app;
  app.set_help_flag("-h,--help", "print help");
  app.option_defaults()->always_capture_default(false);
  add_reference_flags(app, state_->config, state_->raw);
  add_own_flags(app, state_->config, state_->raw);
  add_startup_flags(app, state_->raw.startup);
  add_certificate_flags(app, state_->config);
  add_password_flags(app, state_->config, state_->raw.password);
  add_instance_flags(app, state_->config);
  add_forward_flags(app, state_->raw.forward);
  add_session_flags(app, state_->config, state_->raw.session);
  add_create_flags(app, state_->config);
  add_diagnostics_flags(app, state_->raw.diagnostics);
}

FlagParser::~FlagParser() = default;

CLI::App& FlagParser::app() { return state_->app; }

const StartupFlags& FlagParser::startup() const { return state_->raw.startup; }

const ExplainFlags& FlagParser::explain() const { return state_->raw.access.explain; }

std::optional<ExitNow> FlagParser::read(const std::vector<std::string>& arguments) {
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants it
  try {
    state_->app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    return ExitNow{0, state_->app.help()};
  } catch (const CLI::ParseError& error) {
    return ExitNow{2, std::string("ssh2incus: ") + error.what() + "\nTry 'ssh2incus --help'.\n"};
  }
  if (state_->raw.version) return ExitNow{0, std::string(kVersion) + "\n"};
  return std::nullopt;
}

std::variant<ServerConfig, std::string> FlagParser::checked() {
  if (auto wrong = check_remote_flags(state_->app, state_->config); !wrong.empty()) return wrong;
  if (auto wrong = check(state_->config, state_->raw); !wrong.empty()) return wrong;
  return std::move(state_->config);
}

std::string reason_of(const ExitNow& exit_now) {
  std::string text = exit_now.text.substr(0, exit_now.text.find('\n'));
  if (constexpr std::string_view kName = "ssh2incus: "; text.starts_with(kName))
    text.erase(0, kName.size());
  return text;
}

std::variant<ServerConfig, ExitNow> parse_flags(int argc, const char* const* argv) {
  FlagParser parser;
  if (auto exit_now = parser.read({argv + std::min(argc, 1), argv + argc})) return *exit_now;
  auto checked = parser.checked();
  if (const auto* wrong = std::get_if<std::string>(&checked))
    return ExitNow{2, "ssh2incus: " + *wrong + "\n"};
  return std::get<ServerConfig>(std::move(checked));
}

}  // namespace ssh2incus
