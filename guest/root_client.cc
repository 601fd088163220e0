// See root_client.h.
#include "guest/root_client.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "guest/child_setup.h"

namespace ssh2incus::guest {
namespace {

constexpr int kLostStatus = 255;

Result<UniqueFd> take_all_signals() {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, nullptr);
  sigdelset(&all, SIGCHLD);
  UniqueFd signals(signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.valid()) return system_error("signalfd");
  return signals;
}

void pass_signals_on(int signals, int conversation) {
  signalfd_siginfo info{};
  while (read(signals, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    const auto number = static_cast<std::uint8_t>(info.ssi_signo);
    send(conversation, &number, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
}

void close_standard_streams() {
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd = 0; fd < 3; ++fd) dup2(null.get(), fd);
}

// As the program ended, without a core of our own.
[[noreturn]] void end_as(const RootAnswer& answer) {
  if (!answer.by_signal) _exit(answer.value);
  reset_signals();
  raise(answer.value);
  _exit(128 + answer.value);
}

}  // namespace

Result<RootAnswer> ask_root(int helper, RootOperation operation, int order, bool give_up_streams) {
  const UniqueFd signals = TRY(take_all_signals());
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return system_error("socketpair");
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const std::array<int, 5> fds = {theirs.get(), 0, 1, 2, order};
  TRY(send_root_request(helper, operation, std::span(fds).first(order >= 0 ? 5 : 4)));
  theirs.reset();
  if (give_up_streams) close_standard_streams();
  for (;;) {
    std::array<pollfd, 2> waiting = {{{ours.get(), POLLIN, 0}, {signals.get(), POLLIN, 0}}};
    if (poll(waiting.data(), waiting.size(), -1) < 0) continue;  // every signal is blocked
    if (waiting[1].revents != 0) pass_signals_on(signals.get(), ours.get());
    if (waiting[0].revents == 0) continue;
    EncodedRootAnswer answer{};
    if (recv(ours.get(), answer.data(), answer.size(), 0) != static_cast<ssize_t>(answer.size()))
      return fail("the instance's root helper has ended");
    return RootAnswer{answer[0] != 0, answer[1]};
  }
}

void stand_in_for_program(int helper, int order) {
  const auto answer = ask_root(helper, RootOperation::kStartProgram, order, true);
  if (!answer.ok()) _exit(kLostStatus);
  end_as(*answer);
}

}  // namespace ssh2incus::guest
