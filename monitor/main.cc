// ssh2incus: reads the flags, prepares everything that needs privileges or may fail, opens the
// sockets, gives up what the listener doesn't need, and listens.
#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "common/log.h"
#include "common/privileges.h"
#include "monitor/account_check.h"
#include "monitor/connection.h"
#include "monitor/flags.h"
#include "monitor/host_keys.h"
#include "monitor/listener.h"
#include "monitor/listener_sandbox.h"
#include "monitor/listening_sockets.h"

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

Status serve(ServerConfig config) {
  if (geteuid() != 0) return fail("must be started as root");
  TRY(null_standard_streams(false));
  umask(022);
  const Log log = Log::open(config.debug);
  if (config.host_key_files.empty()) config.host_key_files = TRY(HostKeys::default_paths());
  HostKeys host_keys = TRY(HostKeys::load(config.host_key_files));
  TRY(check_pam_service());
  ConnectionSetup setup = TRY(prepare_connections(config));
  std::vector<UniqueFd> sockets = TRY(open_listening_sockets(config.listen));
  UniqueFd signals = TRY(block_signals());
  TRY(write_pid_file(config.pid_file));
  TRY(enter_listener_sandbox(setup.key_command.has_value()));
  log.write(LogLevel::kNotice, "listening",
            {{"address", config.listen},
             {"version", SSH2INCUS_VERSION},
             {"incus_socket", config.incus_socket}});
  Listener listener(config, std::move(setup), std::move(host_keys), log, std::move(sockets),
                    std::move(signals));
  listener.run();
  return {};
}

}  // namespace
}  // namespace ssh2incus

int main(int argc, char** argv) {
  using namespace ssh2incus;
  const auto parsed = parse_flags(argc, argv);
  if (const auto* exit_now = std::get_if<ExitNow>(&parsed)) {
    std::fputs(exit_now->text.c_str(), exit_now->exit_code == 0 ? stdout : stderr);
    return exit_now->exit_code;
  }
  if (const Status served = serve(std::get<ServerConfig>(parsed)); !served.ok()) {
    std::fprintf(stderr, "ssh2incus: %s\n", served.error().message.c_str());
    return 1;
  }
  return 0;
}
