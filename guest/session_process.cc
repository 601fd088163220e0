// See session_process.h. Everything between fork() and execve() is in run_child().
#include "guest/session_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "guest/account.h"
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
  std::string shell_name;                // argv[0]
  std::optional<std::string> command;    // none: login shell
  std::vector<std::string> environment;  // NAME=VALUE
  std::array<int, 3> standard{-1, -1, -1};
  bool has_terminal = false;
};

void complain(const std::string& text) {
  [[maybe_unused]] const auto ignored = write(STDERR_FILENO, text.data(), text.size());
}

// By the system call itself: the C library refuses to touch the two signals that it keeps for
// itself, and who started us may have ignored them too.
void reset_signals() {
  constexpr std::array<unsigned long, 4> kDefaultAction{};  // of whatever layout: all zero
  constexpr std::size_t kKernelSetSize = 8;
  for (int number = 1; number < NSIG; ++number) {
    syscall(SYS_rt_sigaction, number, kDefaultAction.data(), nullptr, kKernelSetSize);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// dup2() onto 0, 1 and 2 without treading on a source that is one of them.
void place_standard_streams(const std::array<int, 3>& sources) {
  std::array<int, 3> moved{};
  for (std::size_t i = 0; i < 3; ++i) moved[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, 10);
  for (int i = 0; i < 3; ++i) {
    if (dup2(moved[static_cast<std::size_t>(i)], i) != i) _exit(1);
  }
}

void close_other_descriptors() {
  if (close_range(3, ~0U, 0) == 0) return;
  const long highest = std::min(sysconf(_SC_OPEN_MAX), 65536L);  // kernel before 5.9
  for (int fd = 3; fd < highest; ++fd) close(fd);
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

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (auto& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void run_child(Plan& plan) {
  setsid();
  place_standard_streams(plan.standard);
  close_other_descriptors();
  if (plan.has_terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) {
    complain("cannot take control of the terminal\n");
  }
  reset_signals();
  umask(022);
  respect_nologin(*plan.account);
  if (chdir(plan.account->home.c_str()) != 0) {
    complain("Could not chdir to home directory " + plan.account->home + ": " + strerror(errno) +
             "\n");
    if (chdir("/") != 0) _exit(1);
  }
  std::vector<std::string> arguments;
  arguments.push_back(plan.command ? plan.shell_name : "-" + plan.shell_name);
  if (plan.command) {
    arguments.emplace_back("-c");
    arguments.push_back(*plan.command);
  }
  const auto argument_pointers = pointers_to(arguments);
  const auto environment_pointers = pointers_to(plan.environment);
  execve(plan.account->shell.c_str(), argument_pointers.data(), environment_pointers.data());
  complain(plan.account->shell + ": " + strerror(errno) + "\n");
  _exit(1);
}

Status check_shell(const Account& account) {
  struct stat status {};
  if (stat(account.shell.c_str(), &status) != 0) {
    return fail("shell " + account.shell + " of user " + account.name + " does not exist");
  }
  if (!S_ISREG(status.st_mode) || access(account.shell.c_str(), X_OK) != 0) {
    return fail("shell " + account.shell + " of user " + account.name + " is not executable");
  }
  return {};
}

Plan make_plan(const Account& account, const GuestGrant& grant, const OpenSession& request,
               const std::string& tty) {
  const auto etc_environment = read_small_file("/etc/environment", kMaxEtcEnvironment);
  const char* timezone = getenv("TZ");
  Plan plan;
  plan.account = &account;
  plan.shell_name = account.shell.substr(account.shell.rfind('/') + 1);
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
                                             const OpenSession& request) {
  TRY(check_shell(account));
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
  auto plan = make_plan(account, grant, request, process.tty);
  plan.has_terminal = request.pty.has_value();
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
