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

#include "common/internal_sftp.h"
#include "guest/account.h"
#include "guest/child_setup.h"
#include "guest/kept_session.h"
#include "guest/program_order.h"
#include "guest/program_path.h"
#include "guest/root_client.h"
#include "guest/root_rules.h"
#include "guest/session_environment.h"
#include "guest/sftp/session.h"
#include "guest/terminal.h"
#include "guest/xauth.h"

namespace ssh2incus::guest {
namespace {

constexpr std::size_t kMaxEtcEnvironment = 64UL * 1024;
constexpr std::size_t kMaxNologinText = 4096;
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

// What the child needs, all of it computed before the fork.
struct Plan {
  const Account* account = nullptr;
  const GuestGrant* grant = nullptr;
  const OpenSession* request = nullptr;
  const ForwardedToSession* forwarded = nullptr;
  bool sftp = false;  // instead of a program
  std::string shell;
  std::optional<std::string> command;    // none: login shell
  std::vector<std::string> environment;  // NAME=VALUE
  std::array<int, 3> standard{-1, -1, -1};
  bool has_terminal = false;
  Starter starter = Starter::kDirectly;
  SessionKeeper keeper = SessionKeeper::kNone;
  bool may_install = false;
  int root_helper = -1;
};

// As a login shell, or with -c.
std::vector<std::string> arguments_of(const Plan& plan) {
  const std::string name = plan.shell.substr(plan.shell.rfind('/') + 1);
  if (!plan.command) return {"-" + name};
  return {name, "-c", *plan.command};
}

// What su clears of the environment is in the order; what it sets itself is not. An order without a
// program is login's.
Result<UniqueFd> order_for_su(const std::string& program, std::vector<std::string> arguments,
                              const Plan& plan) {
  ProgramOrder order;
  order.program = program;
  std::vector<BoundedString<limits::kMaxCommand>> bounded;
  for (std::string& argument : arguments) bounded.emplace_back(std::move(argument));
  order.arguments = std::move(bounded);
  std::vector<BoundedString<kMaxEnvironmentLine>> environment;
  for (const std::string& line : plan.environment) {
    const auto name = std::string_view(line).substr(0, line.find('='));
    const bool is_sus =
        name == "PATH" || name == "HOME" || name == "USER" || name == "LOGNAME" || name == "SHELL";
    if (!is_sus && line.size() <= kMaxEnvironmentLine) environment.emplace_back(line);
  }
  environment.emplace_back("SHELL=" + plan.shell);
  order.environment = std::move(environment);
  return write_order(order);
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

void take_terminal() {
  if (ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) complain("cannot take control of the terminal\n");
}

void enter_home(const Account& account) {
  if (chdir(account.home.c_str()) == 0) return;
  complain("Could not chdir to home directory " + account.home + ": " + strerror(errno) + "\n");
  if (chdir("/") != 0) _exit(1);
}

[[noreturn]] void execute(const std::string& program, std::vector<std::string> arguments,
                          std::vector<std::string>& environment) {
  const auto argument_pointers = pointers_to(arguments);
  const auto environment_pointers = pointers_to(environment);
  execve(program.c_str(), argument_pointers.data(), environment_pointers.data());
  complain(program + ": " + strerror(errno) + "\n");
  _exit(1);
}

std::string value_of(const std::vector<std::string>& environment, const std::string& name) {
  for (const std::string& line : environment) {
    if (line.starts_with(name + "=")) return line.substr(name.size() + 1);
  }
  return {};
}

void complain_of_forwarding(const Plan& plan) {
  if (!plan.forwarded->complaint.empty()) complain(plan.forwarded->complaint + "\n");
}

// DISPLAY only for a display that X clients get access to.
void add_display(Plan& plan) {
  if (!plan.forwarded->display) return;
  const auto& x11 = *plan.request->x11;
  const unsigned number = *plan.forwarded->display;
  const auto environment = pointers_to(plan.environment);
  const auto error = add_cookie(plan.forwarded->xauth, x11, number, environment.data());
  if (!error.empty()) {
    complain("X11 forwarding: " + error + "\n");
    return;
  }
  plan.environment.push_back("DISPLAY=localhost:" + std::to_string(number) + "." +
                             std::to_string(x11.screen));
}

// The helper is kKeptDescriptor.
[[noreturn]] void have_root_start(const std::string& program, std::vector<std::string> arguments,
                                  const Plan& plan) {
  const auto order = order_for_su(program, std::move(arguments), plan);
  if (!order.ok()) {
    complain(order.error().message + "\n");
    _exit(1);
  }
  keep_descriptors({kKeptDescriptor, order->get()});
  stand_in_for_program(kKeptDescriptor, kKeptDescriptor + 1);
}

// The terminal is this process's until the program is known, so that Ctrl-C reaches what is being
// installed; then it's given to su, if su starts the program.
[[noreturn]] void run_kept(Plan& plan) {
  const int helper = plan.root_helper < 0 ? -1 : kKeptDescriptor;
  if (helper < 0) {
    close_descriptors_from(3);
  } else {
    keep_descriptors({plan.root_helper, plan.root_helper});
  }
  take_terminal();
  reset_signals();
  umask(022);
  respect_nologin(*plan.account);
  complain_of_forwarding(plan);
  enter_home(*plan.account);
  add_display(plan);
  KeptProgram program =
      prepare_kept_session({plan.keeper, plan.may_install, helper, plan.shell, plan.account->home,
                            value_of(plan.environment, "TERM")});
  for (const std::string& line : program.environment) {
    const std::string name = line.substr(0, line.find('=') + 1);
    std::erase_if(plan.environment, [&](const auto& old) { return old.starts_with(name); });
    plan.environment.push_back(line);
  }
  if (plan.starter != Starter::kSu) execute(program.path, program.arguments, plan.environment);
  signal(SIGHUP, SIG_IGN);
  ioctl(STDIN_FILENO, TIOCNOTTY);
  signal(SIGHUP, SIG_DFL);
  have_root_start(program.path, std::move(program.arguments), plan);
}

// What the root helper starts is the leader of a session of its own, with this terminal.
[[noreturn]] void run_by_root(Plan& plan) {
  keep_descriptors({plan.root_helper, plan.root_helper});
  reset_signals();
  umask(022);
  respect_nologin(*plan.account);
  complain_of_forwarding(plan);
  add_display(plan);
  if (plan.starter == Starter::kLogin) have_root_start("", {}, plan);
  std::vector<std::string> arguments = arguments_of(plan);
  // su - gives commands a login shell too.
  if (plan.command) arguments[0] = "-" + arguments[0];
  have_root_start(plan.shell, std::move(arguments), plan);
}

// Its clients' requests are to fail with EPIPE and EFBIG, not to end it.
int run_sftp(const Plan& plan) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  return sftp::run_session(*plan.account, *plan.grant);
}

[[noreturn]] void run_child(Plan& plan) {
  setsid();
  place_standard_streams(plan.standard);
  if (plan.keeper != SessionKeeper::kNone) run_kept(plan);
  if (plan.starter != Starter::kDirectly) run_by_root(plan);
  close_descriptors_from(3);
  if (plan.has_terminal) take_terminal();
  reset_signals();
  umask(022);
  respect_nologin(*plan.account);
  complain_of_forwarding(plan);
  enter_home(*plan.account);
  if (plan.sftp) _exit(run_sftp(plan));
  add_display(plan);
  execute(plan.shell, arguments_of(plan), plan.environment);
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

Status check_starter(Starter starter) {
  if (starter == Starter::kDirectly) return {};
  TRY(find_program(starter == Starter::kSu ? "su" : "login"));
  return {};
}

Plan make_plan(const Account& account, const std::string& shell, const GuestGrant& grant,
               const OpenSession& request, const ForwardedToSession& forwarded,
               const std::string& tty) {
  const auto etc_environment = read_small_file("/etc/environment", kMaxEtcEnvironment);
  const char* timezone = getenv("TZ");
  Plan plan;
  plan.account = &account;
  plan.grant = &grant;
  plan.sftp = runs_internal_sftp(grant, request);
  plan.request = &request;
  plan.forwarded = &forwarded;
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
           .tty = tty,
           .agent_socket = forwarded.agent_socket})
          .lines();
  return plan;
}

}  // namespace

bool runs_internal_sftp(const GuestGrant& grant, const OpenSession& request) {
  return request.sftp && (!grant.forced_command || is_internal_sftp(**grant.forced_command));
}

Result<SessionProcess> start_session_process(const Account& account, const GuestGrant& grant,
                                             const OpenSession& request, int root_helper,
                                             const ForwardedToSession& forwarded) {
  const bool sftp = runs_internal_sftp(grant, request);
  const std::string shell = shell_for(grant.shell_mode, account);
  if (!sftp) TRY(check_shell(shell, account));
  SessionProcess process;
  Terminal terminal;
  std::array<Pipe, 3> pipes;
  if (request.pty && !sftp) {
    terminal = TRY(open_terminal(*request.pty));
    process.tty = terminal.name;
  } else {
    for (auto& pipe : pipes) pipe = TRY(make_pipe());
    fcntl(pipes[0].writing.get(), F_SETPIPE_SZ, kPipeSize);  // speed only: failure is fine
    fcntl(pipes[1].writing.get(), F_SETPIPE_SZ, kPipeSize);
  }
  auto plan = make_plan(account, shell, grant, request, forwarded, process.tty);
  plan.has_terminal = terminal.slave.valid();
  plan.root_helper = root_helper;
  const bool is_kept = plan.has_terminal && !plan.command;
  if (is_kept) plan.keeper = grant.keeper;
  plan.may_install = grant.may_install_keeper;
  if (!sftp) {
    plan.starter = starter_for(grant.shell_mode, plan.command.has_value(), plan.has_terminal,
                               plan.keeper != SessionKeeper::kNone);
  }
  TRY(check_starter(plan.starter));
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
