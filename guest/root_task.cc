// See root_task.h. The request's descriptors are whatever the user had; nothing is believed of
// them.
#include "guest/root_task.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "guest/account.h"
#include "guest/child_setup.h"
#include "guest/package_task.h"
#include "guest/program_order.h"
#include "guest/program_path.h"
#include "guest/root_rules.h"
#include "guest/trampoline.h"

namespace ssh2incus::guest {
namespace {

constexpr int kCannotStart = 126;

struct RootProgram {
  std::string path;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  int order = -1;  // for the trampoline
};

// The terminal is the user's own, so that login(1) gives it to nobody else.
bool is_terminal_of(int fd, const Account& account) {
  struct stat status {};
  return isatty(fd) == 1 && fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) &&
         status.st_uid == account.uid;
}

Result<RootProgram> program_for(const Account& account, const GuestGrant& grant,
                                const RootRequest& request) {
  const auto order = TRY(read_order(request.order.get()));
  std::vector<std::string> wanted;
  for (const auto& line : order.environment) wanted.push_back(*line);
  RootProgram program;
  // An order without a program asks for login(1).
  if (order.program.empty()) {
    if (grant.shell_mode != ShellMode::kLogin || !grant.allow_shell || grant.forced_command)
      return fail("login isn't allowed here");
    if (!is_terminal_of(request.standard[0].get(), account))
      return fail("login needs the user's own terminal");
    program.path = TRY(find_program("login"));
    program.arguments = login_arguments(account);
    program.environment = login_environment(grant, wanted);
    return program;
  }
  if (grant.shell_mode == ShellMode::kUserShell) return fail("su isn't allowed here");
  program.path = TRY(find_program("su"));
  program.arguments = su_arguments(account, TRY(own_path()));
  program.environment = su_environment(wanted);
  program.order = request.order.get();
  return program;
}

[[noreturn]] void become_program(RootProgram program, const std::array<int, 3>& standard) {
  setsid();
  const int order = program.order < 0 ? -1 : fcntl(program.order, F_DUPFD_CLOEXEC, 20);
  place_standard_streams(standard);
  if (order >= 0 && dup2(order, kOrderDescriptor) != kOrderDescriptor) _exit(kCannotStart);
  close_descriptors_from(order >= 0 ? kOrderDescriptor + 1 : kOrderDescriptor);
  if (isatty(STDIN_FILENO) == 1) ioctl(STDIN_FILENO, TIOCSCTTY, 0);
  // login(1) would hang up its terminal to chase others away, and with it our end. The terminal is
  // new and has nobody on it.
  prctl(PR_CAPBSET_DROP, CAP_SYS_TTY_CONFIG, 0, 0, 0);
  reset_signals();
  umask(022);
  const auto arguments = pointers_to(program.arguments);
  const auto environment = pointers_to(program.environment);
  execve(program.path.c_str(), arguments.data(), environment.data());
  complain(program.path + ": " + strerror(errno) + "\n");
  _exit(kCannotStart);
}

// The only child of a process; none if it has none, or several.
std::optional<pid_t> child_of(pid_t parent) {
  const std::string pid = std::to_string(parent);
  const auto list = read_small_file(("/proc/" + pid + "/task/" + pid + "/children").c_str(), 64);
  if (!list || list->empty()) return std::nullopt;
  const long child = strtol(list->c_str(), nullptr, 10);
  return child > 1 ? std::optional(static_cast<pid_t>(child)) : std::nullopt;
}

// su and login with PAM stay as the parent of what they start, deaf to most signals; without PAM,
// what they start takes their place. The user's program is signalled by the user's right alone.
void signal_program(pid_t starter, int number, const Account& account) {
  const auto child = child_of(starter);
  if (!child) {
    kill(-starter, number);
    return;
  }
  const pid_t messenger = fork();
  if (messenger != 0) {
    while (messenger > 0 && waitpid(messenger, nullptr, 0) < 0 && errno == EINTR) {
    }
    return;
  }
  if (!become(account).ok()) _exit(1);
  const pid_t group = getpgid(*child);
  if (group <= 1 || kill(-group, number) != 0) kill(*child, number);
  _exit(0);
}

// One byte is a signal, the end hangs up. False: it has ended.
bool take_signal(int conversation, pid_t starter, const Account& account) {
  std::array<std::uint8_t, 2> bytes{};
  const ssize_t count = recv(conversation, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (count == 1 && bytes[0] > 0 && bytes[0] < NSIG) {
    signal_program(starter, bytes[0], account);
    return true;
  }
  if (count > 0) return true;
  signal_program(starter, SIGHUP, account);
  signal_program(starter, SIGCONT, account);
  return false;
}

RootAnswer wait_for_program(pid_t starter, UniqueFd conversation, const Account& account,
                            int signals) {
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(starter), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == 0) {
    std::array<pollfd, 2> waiting = {{{conversation.get(), POLLIN, 0}, {signals, POLLIN, 0}}};
    if (poll(waiting.data(), waiting.size(), -1) < 0) continue;
    signalfd_siginfo ignored{};
    while (read(signals, &ignored, sizeof(ignored)) > 0) {
    }
    if (waiting[0].revents != 0 && !take_signal(conversation.get(), starter, account))
      conversation.reset();
  }
  const RootAnswer answer{info.si_code != CLD_EXITED, static_cast<std::uint8_t>(info.si_status)};
  if (conversation.valid()) static_cast<void>(send_root_answer(conversation.get(), answer));
  return answer;
}

}  // namespace

void run_root_task(const Account& account, const GuestGrant& grant, RootRequest request) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);  // blocked by the helper already
  const UniqueFd signals(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (request.operation == RootOperation::kInstallKeeper) {
    const RootAnswer answer = install_keeper(grant, request);
    if (request.conversation.valid())
      static_cast<void>(send_root_answer(request.conversation.get(), answer));
    _exit(0);
  }
  auto program = program_for(account, grant, request);
  if (!program.ok()) {
    const std::string text = "ssh2incus: " + program.error().message + "\n";
    [[maybe_unused]] const auto ignored =
        write(request.standard[2].get(), text.data(), text.size());
    static_cast<void>(send_root_answer(request.conversation.get(), {false, kCannotStart}));
    _exit(0);
  }
  const std::array<int, 3> standard = {request.standard[0].get(), request.standard[1].get(),
                                       request.standard[2].get()};
  const pid_t starter = fork();
  if (starter == 0) become_program(std::move(*program), standard);
  for (UniqueFd& fd : request.standard) fd.reset();
  request.order.reset();
  if (starter > 0)
    wait_for_program(starter, std::move(request.conversation), account, signals.get());
  _exit(0);
}

}  // namespace ssh2incus::guest
