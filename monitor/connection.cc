// The life of one connection's root process, step by step: children first, while it still may start
// them; then fewer capabilities, fewer fds, few system calls; then the monitor's loop; at the end
// the children are killed and looked at.
#include "monitor/connection.h"

#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <vector>

#include "common/privileges.h"
#include "monitor/attendant.h"
#include "monitor/monitor_syscalls.h"
#include "monitor/remotes.h"
#include "monitor/shell_starter.h"

namespace ssh2incus {
namespace {

// Ending sessiond, which has another uid; nothing else needs a capability.
constexpr std::array<cap_value_t, 1> kMonitorCapabilities = {CAP_KILL};
constexpr int kLastWordMs = 200;

Status make_directory(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return system_error(path);
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return system_error(path);
  if (!S_ISDIR(status.st_mode) || status.st_uid != 0)
    return fail(path + " must be a directory of root");
  if (chmod(path.c_str(), mode) != 0) return system_error(path);
  return {};
}

void reset_signals() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) std::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// SIGTERM as a descriptor, in the place that is kept free for it. Invalid: it ends the process.
UniqueFd signals_to_end() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  const UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid() || dup3(fd.get(), kEndSignalsFd, O_CLOEXEC) != kEndSignalsFd) return UniqueFd();
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return UniqueFd(kEndSignalsFd);
}

// So that no descriptor of the listener's gets the number.
Status reserve_end_signals_fd() {
  const UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null.valid()) return system_error("/dev/null");
  if (null.get() == kEndSignalsFd) return fail("too many open files");
  if (dup3(null.get(), kEndSignalsFd, O_CLOEXEC) != kEndSignalsFd) return system_error("dup3");
  return {};
}

bool is_regular_file(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

// Closes what the monitor inherited and need not have. Negative ones are those that it does
// without.
Status keep_fds(std::vector<int> keep) {
  std::erase_if(keep, [](int fd) { return fd < 0; });
  std::sort(keep.begin(), keep.end());
  unsigned next = 3;
  for (const int fd : keep) {
    const auto kept = static_cast<unsigned>(fd);
    if (kept < next) continue;
    if (kept > next && close_range(next, kept - 1, 0) != 0) return system_error("close_range");
    next = kept + 1;
  }
  if (close_range(next, ~0U, 0) != 0) return system_error("close_range");
  return {};
}

Status shed_privileges(const Log& log, const std::vector<int>& fds) {
  TRY(keep_fds(fds));
  TRY(forbid_dumps());
  // A log in a regular file (not journald, not a pipe) has to grow.
  TRY(apply_resource_limits({true, !is_regular_file(log.fd()), 32}));
  TRY(keep_capabilities_only(kMonitorCapabilities));
  return apply_syscall_filter(kMonitorSyscalls);
}

struct Children {
  pid_t sessiond = -1;
  pid_t attendant = -1;
};

// A child that is ending gets 100 ms to say how; one that isn't is killed. Returns its wait status.
int wait_for(pid_t pid) {
  int status = 0;
  for (int tries = 0; waitpid(pid, &status, WNOHANG) == 0; ++tries) {
    if (tries == 20) kill(pid, SIGKILL);
    const timespec pause{0, 5'000'000};
    nanosleep(&pause, nullptr);
  }
  return status;
}

// Ends the children; tells whether sessiond had died of a signal of its own.
bool end_children(const Children& children, const Log& log) {
  bool crashed = false;
  for (const pid_t pid : {children.sessiond, children.attendant}) {
    if (pid <= 0) continue;
    const int status = wait_for(pid);
    if (!WIFSIGNALED(status) || WTERMSIG(status) == SIGKILL) continue;
    crashed = true;
    log.write(LogLevel::kError, "crash",
              {{"process", pid == children.sessiond ? "sessiond" : "attendant"},
               {"signal", WTERMSIG(status)}});
  }
  return crashed;
}

struct Started {
  Children children;
  Monitor::Channels channels;
};

Result<Started> start_children(const ServerConfig& server, const ConnectionSetup& setup,
                               HostKeys& host_keys, UniqueFd connection,
                               ipc::IpcChannel listener_channel) {
  AttendantConfig config;
  config.wipe_secrets = [&host_keys, remotes = server.remotes] {
    host_keys.wipe();
    if (remotes) remotes->wipe();
  };
  config.key_sources = key_sources_of(server);
  config.gateways = gateways_of(server, setup.gateway);
  config.key_command = setup.key_command;
  config.account.service = server.pam_service;
  config.password_authentication = server.password_authentication();
  config.instance_authentication = server.instance_authentication;
  if (setup.shell_starter) config.shell_starter = setup.shell_starter->get();
  SpawnedAttendant attendant = TRY(spawn_attendant(config));
  auto [ours, theirs] = TRY(ipc::IpcChannel::pair());
  const UniqueFd sessiond_end = theirs.release();
  const pid_t sessiond = TRY(spawn_sessiond(setup.sessiond, sessiond_end, connection));
  return Started{{sessiond, attendant.pid},
                 {std::move(ours), std::move(attendant.channel), std::move(listener_channel)}};
}

}  // namespace

Result<std::optional<KeyCommand>> prepare_key_command(const ServerConfig& config) {
  if (config.authorized_keys_command.empty()) return std::optional<KeyCommand>();
  auto command =
      find_key_command(config.authorized_keys_command, config.authorized_keys_command_user);
  if (!command.ok()) return fail("--authorized-keys-command: " + command.error().message);
  return std::optional<KeyCommand>(std::move(*command));
}

KeySources key_sources_of(const ServerConfig& config) {
  KeySources sources;
  sources.authorized_principals = config.authorized_principals_file;
  sources.trusted_user_ca_keys = config.trusted_user_ca_keys;
  sources.revoked_keys = config.revoked_keys;
  return sources;
}

Result<ConnectionSetup> prepare_connections(const ServerConfig& config) {
  TRY(reserve_end_signals_fd());
  const std::string empty_root = config.run_dir + "/empty";
  TRY(make_directory(config.run_dir, 0755));
  TRY(make_directory(empty_root, 0555));
  ConnectionSetup setup;
  setup.sessiond =
      TRY(find_sessiond_identity(config.libexec_dir + "/ssh2incus-sessiond", empty_root));
  setup.gateway =
      TRY(find_gateway_identity(config.libexec_dir + "/ssh2incus-gateway", config.incus_socket));
  setup.key_command = TRY(prepare_key_command(config));
  setup.connections = std::make_shared<ConnectionTable>(
      TRY(ConnectionTable::open(config.run_dir + "/connections")));
  if (config.incus_shell && !config.incus_socket.empty()) {
    const auto identity =
        TRY(find_shell_identity(config.libexec_dir, config.run_dir, config.incus_socket));
    setup.shell_starter = std::make_shared<UniqueFd>(TRY(start_shell_starter(identity)));
  }
  return setup;
}

ConnectionEnd run_connection(const ServerConfig& config, const ConnectionSetup& setup,
                             HostKeys& host_keys, ConnectionInfo info, const Log& base_log,
                             UniqueFd connection, ipc::IpcChannel listener_channel) {
  const Log log = base_log.with(
      {{"connection", info.id}, {info.proxied ? "balancer" : "source", to_text(info.peer)}});
  reset_signals();
  log.write(LogLevel::kInfo, "connection_opened", {{"local", to_text(info.local)}});
  auto started =
      start_children(config, setup, host_keys, std::move(connection), std::move(listener_channel));
  if (!started.ok()) {
    log.write(LogLevel::kError, "connection_failed", {{"reason", started.error().message}});
    return ConnectionEnd::kInternal;
  }
  // For the last word, which is said when the monitor and its channels have gone.
  ipc::IpcChannel listener(UniqueFd(fcntl(started->channels.listener->fd(), F_DUPFD_CLOEXEC, 0)));
  if (!setup.connections->join())
    log.write(LogLevel::kWarning, "unlisted", {{"reason", "the table of connections is full"}});
  started->channels.connections = setup.connections.get();
  started->channels.end_signals = signals_to_end();
  const std::vector<int> fds = {log.fd(),
                                started->channels.sessiond.fd(),
                                started->channels.attendant.fd(),
                                started->channels.listener->fd(),
                                listener.fd(),
                                setup.connections->fd(),
                                started->channels.end_signals.get()};
  if (auto shed = shed_privileges(log, fds); !shed.ok()) {
    log.write(LogLevel::kError, "connection_failed", {{"reason", shed.error().message}});
    return ConnectionEnd::kInternal;
  }
  ConnectionEnd how = ConnectionEnd::kInternal;
  {
    started->channels.attendant_ended = [&children = started->children] {
      wait_for(children.attendant);
      children.attendant = -1;
    };
    Monitor monitor(config, host_keys, std::move(info), log, std::move(started->channels));
    how = monitor.run();
  }
  if (end_children(started->children, log)) how = ConnectionEnd::kCrashed;
  listener.limit_sending(kLastWordMs);
  static_cast<void>(listener.send(EndNotice{how}));
  return how;
}

}  // namespace ssh2incus
