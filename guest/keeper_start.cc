// See keeper_start.h.
#include "guest/keeper_start.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "guest/child_setup.h"
#include "guest/keeper.h"
#include "guest/terminal.h"

namespace ssh2incus::guest {
namespace {

[[noreturn]] void become_shell(const Terminal& terminal, const std::string& shell) {
  setsid();
  place_standard_streams({terminal.slave.get(), terminal.slave.get(), terminal.slave.get()});
  close_descriptors_from(3);
  ioctl(STDIN_FILENO, TIOCSCTTY, 0);
  reset_signals();
  setenv("SSH_TTY", terminal.name.c_str(), 1);
  const std::string name = "-" + shell.substr(shell.rfind('/') + 1);
  execl(shell.c_str(), name.c_str(), static_cast<char*>(nullptr));
  complain(shell + ": " + strerror(errno) + "\n");
  _exit(127);
}

[[noreturn]] void become_keeper(KeeperDirectory directory, UniqueFd listener, Terminal terminal,
                                const std::string& shell) {
  place_standard_streams([] {
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    return std::array<int, 3>{null, null, null};
  }());
  signal(SIGHUP, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  UniqueFd signals(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  const pid_t child = fork();
  if (child == 0) become_shell(terminal, shell);
  if (child < 0 || !signals.valid()) _exit(1);
  terminal.slave.reset();
  fcntl(terminal.master.get(), F_SETFL, fcntl(terminal.master.get(), F_GETFL) | O_NONBLOCK);
  if (chdir("/") != 0) _exit(1);
  Keeper(std::move(directory), std::move(listener), std::move(terminal.master), std::move(signals),
         child)
      .run();
  _exit(0);
}

}  // namespace

Status start_keeper(const KeeperDirectory& directory, UniqueFd& lock, const std::string& shell) {
  UniqueFd listener = TRY(directory.listen());
  Terminal terminal = TRY(open_terminal());
  termios settings{};
  winsize window{};
  if (tcgetattr(STDIN_FILENO, &settings) == 0) tcsetattr(terminal.slave.get(), TCSANOW, &settings);
  if (ioctl(STDIN_FILENO, TIOCGWINSZ, &window) == 0)
    ioctl(terminal.master.get(), TIOCSWINSZ, &window);
  const pid_t child = fork();
  if (child < 0) return system_error("cannot start a process");
  if (child == 0) {
    setsid();
    lock.reset();
    const pid_t keeper = fork();
    if (keeper != 0) _exit(keeper < 0 ? 1 : 0);
    become_keeper(directory.share(), std::move(listener), std::move(terminal), shell);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) return fail("cannot start a process");
  return {};
}

}  // namespace ssh2incus::guest
