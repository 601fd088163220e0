// See session_process.h. Everything between fork() and execve() is in run_child().
#include "guest/session_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "guest/account.h"
#include "guest/child_setup.h"
#include "guest/program_order.h"
#include "guest/program_path.h"
#include "guest/root_client.h"
#include "guest/root_rules.h"
#include "guest/session_environment.h"
#include "guest/terminal_modes.h"

namespace ssh2incus::guest {
namespace {

constexpr std::size_t kMaxEtcEnvironment = 64UL * 1024;
constexpr std::size_t kMaxNologinText = 4096;
constexpr mode_t kTerminalMode = 0620;
constexpr int kPipeSize = 256 * 1024;
constexpr int kNologinStatus = 254;  // as OpenSSH's

struct Pipe {
  UniqueFd reading;
  UniqueFd writing;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("cannot make a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Status make_nonblocking(const UniqueFd& fd) {
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return system_error("cannot prepare a descriptor");
  }
  return {};
}

struct Terminal {
  UniqueFd master;
  UniqueFd slave;
  std::string name;
};

// What grantpt() does, as far as the user may: the kernel has made the user the owner already, and
// the group is devpts's option unless the user belongs to it.
void grant_terminal(const UniqueFd& slave) {
  const auto groups = read_small_file("/etc/group", 1024UL * 1024);
  const auto tty = groups ? find_group(*groups, "tty") : std::nullopt;
  struct stat status {};
  if (fstat(slave.get(), &status) != 0) return;
  if (tty && status.st_gid != *tty) {
    [[maybe_unused]] const int ignored = fchown(slave.get(), geteuid(), *tty);
  }
  if (fstat(slave.get(), &status) != 0) return;
  // Writable by whatever group it has would be too much, if that isn't tty's.
  const mode_t mode = tty && status.st_gid == *tty ? kTerminalMode : 0600;
  [[maybe_unused]] const int ignored = fchmod(slave.get(), mode);
}

Result<Terminal> open_terminal(const PtyRequest& request) {
  Terminal terminal;
  terminal.master.reset(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.master.valid()) return system_error("cannot allocate a terminal");
  int locked = 0;
  int number = 0;
  if (ioctl(terminal.master.get(), TIOCSPTLCK, &locked) != 0 ||
      ioctl(terminal.master.get(), TIOCGPTN, &number) != 0) {
    return system_error("cannot allocate a terminal");
  }
  terminal.name = "/dev/pts/" + std::to_string(number);
  terminal.slave.reset(ioctl(terminal.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.slave.valid()) {
    terminal.slave.reset(open(terminal.name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  }
  if (!terminal.slave.valid()) return system_error("cannot open " + terminal.name);
  grant_terminal(terminal.slave);
  termios settings{};
  if (tcgetattr(terminal.slave.get(), &settings) == 0) {
    apply_terminal_modes(request.modes.get(), settings);
    tcsetattr(terminal.slave.get(), TCSANOW, &settings);
  }
  set_window_size(terminal.master.get(), request.size);
  return terminal;
}

// What the child needs, all of it computed before the fork.
struct Plan {
  const Account* account = nullptr;
  std::string shell;
  std::optional<std::string> command;    // none: login shell
  std::vector<std::string> environment;  // NAME=VALUE
  std::array<int, 3> standard{-1, -1, -1};
  bool has_terminal = false;
  int root_helper = -1;
  UniqueFd order;  // for the root helper; none: the program is started directly
};

// As a login shell, or with -c.
std::vector<std::string> arguments_of(const Plan& plan) {
  const std::string name = plan.shell.substr(plan.shell.rfind('/') + 1);
  if (!plan.command) return {"-" + name};
  return {name, "-c", *plan.command};
}

// Only root may log in while /etc/nologin exists; others see what it says.
void respect_nologin(const Account& account) {
  if (account.uid == 0) return;
  for (const char* path : {"/etc/nologin", "/run/nologin"}) {
    if (access(path, F_OK) != 0) continue;
    complain(read_small_file(path, kMaxNologinText).value_or(""));
    _exit(kNologinStatus);
  }
}

[[noreturn]] void run_child(Plan& plan) {
  setsid();
  place_standard_streams(plan.standard);
  // What the root helper starts is the leader of a session of its own, with this terminal.
  const bool by_root = plan.order.valid();
  if (by_root) {
    keep_descriptors({plan.root_helper, plan.order.get()});
  } else {
    close_descriptors_from(3);
  }
  if (!by_root && plan.has_terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) {
    complain("cannot take control of the terminal\n");
  }
  reset_signals();
  umask(022);
  respect_nologin(*plan.account);
  if (by_root) stand_in_for_program(kKeptDescriptor, kKeptDescriptor + 1);
  if (chdir(plan.account->home.c_str()) != 0) {
    complain("Could not chdir to home directory " + plan.account->home + ": " + strerror(errno) +
             "\n");
    if (chdir("/") != 0) _exit(1);
  }
  auto arguments = arguments_of(plan);
  const auto argument_pointers = pointers_to(arguments);
  const auto environment_pointers = pointers_to(plan.environment);
  execve(plan.shell.c_str(), argument_pointers.data(), environment_pointers.data());
  complain(plan.shell + ": " + strerror(errno) + "\n");
  _exit(1);
}

Status check_shell(const std::string& shell, const Account& account) {
  struct stat status {};
  if (stat(shell.c_str(), &status) != 0) {
    return fail("shell " + shell + " of user " + account.name + " does not exist");
  }
  if (!S_ISREG(status.st_mode) || access(shell.c_str(), X_OK) != 0) {
    return fail("shell " + shell + " of user " + account.name + " is not executable");
  }
  return {};
}

// Sets up what su or login needs, if one of them starts the program. What su clears of the
// environment is in the order; what it sets itself is not.
Status plan_for_root(Plan& plan, ShellMode mode) {
  const bool has_command = plan.command.has_value();
  const Starter starter = starter_for(mode, has_command, plan.has_terminal, false);
  if (starter == Starter::kDirectly) return {};
  TRY(find_program(starter == Starter::kSu ? "su" : "login"));
  ProgramOrder order;
  std::vector<BoundedString<kMaxEnvironmentLine>> environment;
  for (const std::string& line : plan.environment) {
    const bool is_sus = line.starts_with("PATH=") || line.starts_with("HOME=") ||
                        line.starts_with("USER=") || line.starts_with("LOGNAME=") ||
                        line.starts_with("SHELL=");
    if (!is_sus && line.size() <= kMaxEnvironmentLine) environment.emplace_back(line);
  }
  environment.emplace_back("SHELL=" + plan.shell);
  order.environment = std::move(environment);
  if (starter == Starter::kSu) {
    order.program = plan.shell;
    std::vector<BoundedString<limits::kMaxCommand>> arguments;
    for (std::string& argument : arguments_of(plan)) arguments.emplace_back(std::move(argument));
    // su - gives commands a login shell too.
    if (has_command) arguments[0] = "-" + *arguments[0];
    order.arguments = std::move(arguments);
  }
  plan.order = TRY(write_order(order));
  return {};
}

Plan make_plan(const Account& account, const std::string& shell, const GuestGrant& grant,
               const OpenSession& request, const std::string& tty) {
  const auto etc_environment = read_small_file("/etc/environment", kMaxEtcEnvironment);
  const char* timezone = getenv("TZ");
  Plan plan;
  plan.account = &account;
  plan.shell = shell;
  if (request.command) plan.command = **request.command;
  if (grant.forced_command) plan.command = **grant.forced_command;
  plan.environment =
      session_environment(
          {.account = account,
           .grant = grant,
           .request = request,
           .etc_environment = etc_environment ? *etc_environment : std::string_view(),
           .timezone =
               timezone != nullptr ? std::optional<std::string_view>(timezone) : std::nullopt,
           .tty = tty})
          .lines();
  return plan;
}

}  // namespace

void set_window_size(int terminal, const TerminalSize& size) {
  const auto bounded = [](std::uint32_t value) {
    return static_cast<unsigned short>(std::min(value, 0xffffU));
  };
  winsize window{};
  window.ws_col = bounded(size.columns);
  window.ws_row = bounded(size.rows);
  window.ws_xpixel = bounded(size.width_pixels);
  window.ws_ypixel = bounded(size.height_pixels);
  ioctl(terminal, TIOCSWINSZ, &window);
}

Result<SessionProcess> start_session_process(const Account& account, const GuestGrant& grant,
                                             const OpenSession& request, int root_helper) {
  const std::string shell = shell_for(grant.shell_mode, account);
  TRY(check_shell(shell, account));
  SessionProcess process;
  Terminal terminal;
  std::array<Pipe, 3> pipes;
  if (request.pty) {
    terminal = TRY(open_terminal(*request.pty));
    process.tty = terminal.name;
  } else {
    for (auto& pipe : pipes) pipe = TRY(make_pipe());
    fcntl(pipes[0].writing.get(), F_SETPIPE_SZ, kPipeSize);  // speed only: failure is fine
    fcntl(pipes[1].writing.get(), F_SETPIPE_SZ, kPipeSize);
  }
  auto plan = make_plan(account, shell, grant, request, process.tty);
  plan.has_terminal = request.pty.has_value();
  plan.root_helper = root_helper;
  TRY(plan_for_root(plan, grant.shell_mode));
  const int slave = terminal.slave.get();
  plan.standard = plan.has_terminal
                      ? std::array<int, 3>{slave, slave, slave}
                      : std::array<int, 3>{pipes[0].reading.get(), pipes[1].writing.get(),
                                           pipes[2].writing.get()};
  process.pid = fork();
  if (process.pid < 0) return system_error("cannot start a process");
  if (process.pid == 0) run_child(plan);
  process.input = plan.has_terminal ? std::move(terminal.master) : std::move(pipes[0].writing);
  process.output = std::move(pipes[1].reading);
  process.errors = std::move(pipes[2].reading);
  for (const auto* fd : {&process.input, &process.output, &process.errors}) {
    if (fd->valid()) TRY(make_nonblocking(*fd));
  }
  return process;
}

}  // namespace ssh2incus::guest
