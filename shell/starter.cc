// See starter.h. The other side is monitor/shell_starter.h.
#include "shell/starter.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <vector>

#include "common/passed_fds.h"

namespace ssh2incus::shell {
namespace {

constexpr std::size_t kStreams = 3;

// None: the channel has ended.
std::optional<std::vector<UniqueFd>> receive_streams() {
  char byte = 0;
  iovec vector{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kStreams)> control{};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t count = 0;
  do {
    count = recvmsg(kStarterFd, &message, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return std::nullopt;
  return take_fds(message);
}

[[noreturn]] void execute_guest(const std::string& guest, const std::string& own_path,
                                const std::vector<UniqueFd>& fds) {
  std::signal(SIGCHLD, SIG_DFL);
  for (std::size_t i = 0; i < kStreams; ++i) dup2(fds[i].get(), static_cast<int>(i));
  close(kStarterFd);
  execl(guest.c_str(), "ssh2incus-guest", "--console", own_path.c_str(), nullptr);
  _exit(127);
}

}  // namespace

int serve_starts(const std::string& guest, const std::string& own_path) {
  struct sigaction reap_at_once {};
  reap_at_once.sa_handler = SIG_IGN;
  sigaction(SIGCHLD, &reap_at_once, nullptr);
  while (auto fds = receive_streams()) {
    if (fds->size() != kStreams) continue;
    if (fork() == 0) execute_guest(guest, own_path, *fds);
  }
  return 0;
}

}  // namespace ssh2incus::shell
