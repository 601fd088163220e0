// ssh2incus: reads the configuration, prepares everything that needs privileges or may fail, opens
// the sockets, gives up what the listener doesn't need, and listens.
#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "common/log.h"
#include "common/privileges.h"
#include "monitor/configuration.h"
#include "monitor/connection.h"
#include "monitor/explain.h"
#include "monitor/flags.h"
#include "monitor/inherited_sockets.h"
#include "monitor/listener.h"
#include "monitor/listener_sandbox.h"
#include "monitor/listening_sockets.h"
#include "monitor/remotes.h"
#include "monitor/takeover.h"
#include "monitor/unix_listener.h"
#include "monitor/used_files.h"
#include "policy/listen_address.h"

namespace ssh2incus {
namespace {

Result<UniqueFd> block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&set, number);
  if (sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return system_error("sigprocmask");
  std::signal(SIGPIPE, SIG_IGN);
  UniqueFd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return system_error("signalfd");
  return fd;
}

Status write_pid_file(const std::string& path) {
  if (path.empty()) return {};
  const UniqueFd fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd.valid()) return system_error(path);
  const std::string text = std::to_string(getpid()) + "\n";
  if (write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return system_error(path);
  return {};
}

std::string listen_texts(const std::vector<UniqueFd>& sockets) {
  std::string text;
  for (const UniqueFd& socket : sockets) text += (text.empty() ? "" : ",") + listen_text(socket);
  return text;
}

// Those of the service manager, if it has passed any, and no others.
Result<std::vector<UniqueFd>> passed_sockets(const ServerConfig& config) {
  std::vector<UniqueFd> passed = TRY(activation_sockets());
  for (const UniqueFd& socket : passed) {
    if (!config.no_authentication || config.known_to_be_open) break;
    const auto address = parse_listen_address(listen_text(socket));
    if (!address.ok() || !is_on_this_host_only(*address)) {
      return fail("--noauth: whoever can connect to '" + listen_text(socket) +
                  "', which the service manager has opened, could log in");
    }
  }
  return passed;
}

// Where a predecessor listens already, its sockets are used; those that aren't wanted any more are
// closed with the rest of it.
Result<ListenerSockets> open_sockets(const ServerConfig& config, const Log& log,
                                     std::optional<Predecessor>& predecessor) {
  ListenerSockets sockets;
  sockets.listening = TRY(passed_sockets(config));
  std::vector<UniqueFd> none;
  std::vector<UniqueFd>& open = predecessor ? predecessor->sockets : none;
  if (sockets.listening.empty()) {
    for (const std::string& address : config.listen) {
      for (UniqueFd& socket : TRY(open_listening_sockets(address, open)))
        sockets.listening.push_back(std::move(socket));
    }
  }
  if (!config.diagnostics_listen.empty()) {
    auto opened = TRY(open_listening_sockets(config.diagnostics_listen, open));
    sockets.diagnostics = std::move(opened.front());
  }
  const UnixListenAddress control{control_socket_path(config.run_dir), 0600, ""};
  if (auto opened = open_unix_socket(control, open, SOCK_SEQPACKET); opened.ok()) {
    sockets.control = std::move(*opened);
  } else {
    // Another server may have this run directory: then it is the one that can be replaced.
    log.write(LogLevel::kNotice, "no_control_socket", {{"reason", opened.error().message}});
  }
  return sockets;
}

Status serve(ServerConfig config, const StartupFlags& startup,
             const std::vector<std::string>& arguments) {
  if (geteuid() != 0) return fail("must be started as root");
  TRY(null_standard_streams(false));
  TRY(raise_open_files_limit());  // one for each connection that lives
  umask(022);
  const Log log = Log::open(config.debug);
  HostKeys host_keys = TRY(open_used_files(config));
  ConnectionSetup setup = TRY(prepare_connections(config));
  std::optional<Predecessor> predecessor;
  if (startup.take_over) predecessor = TRY(find_predecessor(config.run_dir));
  ListenerSockets sockets = TRY(open_sockets(config, log, predecessor));
  const std::string addresses = listen_texts(sockets.listening);
  UniqueFd signals = TRY(block_signals());
  TRY(write_pid_file(config.pid_file));
  TRY(enter_listener_sandbox(setup.key_command.has_value(), config.password_authentication()));
  log.write(LogLevel::kNotice, "listening",
            {{"address", addresses},
             {"version", SSH2INCUS_VERSION},
             {"incus_socket", config.incus_socket}});
  for (const std::string& problem : config.remotes->problems)
    log.write(LogLevel::kWarning, "remote_unusable", {{"reason", problem}});
  if (config.no_authentication) {
    log.write(LogLevel::kWarning, "open",
              {{"reason", "--noauth: whoever can connect can log in without proving anything"}});
  }
  Listener listener(config, std::move(setup), std::move(host_keys), log, std::move(sockets),
                    std::move(signals), arguments);
  if (predecessor) listener.take_over(std::move(*predecessor));
  listener.run();
  return {};
}

int check_files(const ServerConfig& config) {
  const FilesReport report = check_used_files(config);
  for (const std::string& file : report.unchecked)
    std::printf("not checked, only root may read it: %s\n", file.c_str());
  for (const std::string& problem : report.problems)
    std::fprintf(stderr, "ssh2incus: %s\n", problem.c_str());
  return report.problems.empty() ? 0 : 1;
}

Result<std::string> explained_with_remotes(ServerConfig config, const ExplainFlags& question) {
  config.remotes = TRY(open_remotes(config));
  return explain_login(config, question);
}

int explain(const ServerConfig& config, const ExplainFlags& question) {
  const auto explained = explained_with_remotes(config, question);
  if (explained.ok()) {
    std::fputs(explained->c_str(), stdout);
    return 0;
  }
  std::fprintf(stderr, "ssh2incus: %s\n", explained.error().message.c_str());
  return 2;
}

int run(const std::vector<std::string>& arguments) {
  const LoadedConfiguration loaded = load_configuration(arguments);
  for (const FileProblem& problem : loaded.problems)
    std::fprintf(stderr, "ssh2incus: %s\n", to_text(problem).c_str());
  if (const auto& exit_now = loaded.exit_now) {
    std::fputs(exit_now->text.c_str(), exit_now->exit_code == 0 ? stdout : stderr);
    return exit_now->exit_code;
  }
  if (!loaded.problems.empty()) return 2;
  if (loaded.startup.check) return check_files(loaded.config);
  if (loaded.startup.dump) {
    std::fputs(loaded.dump.c_str(), stdout);
    return 0;
  }
  if (!loaded.explain.login.empty()) return explain(loaded.config, loaded.explain);
  if (const Status served = serve(loaded.config, loaded.startup, arguments); !served.ok()) {
    std::fprintf(stderr, "ssh2incus: %s\n", served.error().message.c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace ssh2incus

int main(int argc, char** argv) { return ssh2incus::run({argv + (argc > 0 ? 1 : 0), argv + argc}); }
