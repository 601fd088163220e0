// See root_helper.h.
#include "guest/root_helper.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "guest/root_task.h"

namespace ssh2incus::guest {
namespace {

constexpr std::size_t kMaxTasks = 256;  // at once

bool has_ended(pid_t worker) {
  siginfo_t info{};
  const int result = waitid(P_PID, static_cast<id_t>(worker), &info, WEXITED | WNOHANG | WNOWAIT);
  return result != 0 ? errno != EINTR : info.si_pid == worker;
}

// All children that have ended but the worker; how many.
std::size_t reap_tasks(pid_t worker) {
  std::size_t reaped = 0;
  for (;;) {
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) break;
    if (info.si_pid == worker) break;  // nothing else matters any more
    if (waitpid(info.si_pid, nullptr, WNOHANG) > 0) ++reaped;
  }
  return reaped;
}

}  // namespace

bool needs_root(const GuestGrant& grant) {
  return grant.shell_mode != ShellMode::kUserShell ||
         (grant.may_install_keeper &&
          (grant.keeper == SessionKeeper::kTmux || grant.keeper == SessionKeeper::kScreen));
}

void RootHelper::serve_until_end_of(pid_t worker) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  const UniqueFd signals(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  while (!has_ended(worker)) {
    std::array<pollfd, 2> waiting = {
        {{signals.get(), POLLIN, 0}, {tasks_ < kMaxTasks ? socket_.get() : -1, POLLIN, 0}}};
    if (poll(waiting.data(), waiting.size(), -1) < 0) continue;
    if (waiting[1].revents != 0) take_request();
    signalfd_siginfo info{};
    while (read(signals.get(), &info, sizeof(info)) > 0) {
    }
    tasks_ -= std::min(tasks_, reap_tasks(worker));
  }
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

void RootHelper::take_request() {
  auto request = receive_root_request(socket_.get());
  if (!request.ok()) return socket_.reset();
  if (!*request) return;
  const pid_t task = fork();
  if (task == 0) run_root_task(account_, grant_, std::move(**request));
  if (task > 0) ++tasks_;
}

}  // namespace ssh2incus::guest
