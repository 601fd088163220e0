// Forks, waits, kills. The child's answer is only passed on; who asked decodes it.
#include "monitor/child_task.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "common/privileges.h"
#include "common/syscall_filter.h"
#include "monitor/ipc_attendant.h"

namespace ssh2incus {
namespace {

constexpr int kChannelFd = 3;

// Async-signal-safe: AttendantCrash, encoded by hand.
void send_crash(int syscall_number) {
  const auto number = static_cast<std::uint32_t>(syscall_number);
  const std::array<std::uint8_t, 5> message = {
      static_cast<std::uint8_t>(AttendantMessage::kCrashNotice),
      static_cast<std::uint8_t>(number >> 24), static_cast<std::uint8_t>(number >> 16),
      static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
  iovec vector{const_cast<std::uint8_t*>(message.data()), message.size()};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  [[maybe_unused]] const ssize_t ignored = sendmsg(kChannelFd, &header, MSG_NOSIGNAL);
}

[[noreturn]] void run_child(ipc::IpcChannel end, const ChildWork& work, pid_t parent) {
  auto channel = keep_only_channel(std::move(end));
  if (!channel.ok()) _exit(1);
  work(*channel, parent);
  _exit(0);
}

int kill_and_reap(pid_t child) {
  kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Result<ipc::IpcChannel> keep_only_channel(ipc::IpcChannel channel) {
  UniqueFd kept = channel.release();
  if (kept.get() != kChannelFd) {
    if (dup3(kept.get(), kChannelFd, O_CLOEXEC) != kChannelFd) return system_error("dup3");
    kept.reset(kChannelFd);
  }
  TRY(close_fds_from(kChannelFd + 1));
  TRY(null_standard_streams(true));
  return ipc::IpcChannel(std::move(kept));
}

void report_refusals_to_channel() { report_refused_syscalls(send_crash); }

Result<Bytes> ask_child(const ChildWork& work, int timeout_ms) {
  auto [ours, theirs] = TRY(ipc::IpcChannel::pair());
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return system_error("fork");
  if (child == 0) run_child(std::move(theirs), work, parent);
  theirs.release().reset();
  auto packet = ours.receive(timeout_ms);
  kill_and_reap(child);
  if (!packet.ok()) return packet.error();
  if (!*packet) return fail("the child ended without an answer");
  if (!(*packet)->fds.empty()) return fail("the child sent file descriptors");
  if (const auto crash = ipc::decode<AttendantCrash>((*packet)->bytes); crash.ok()) {
    return fail("the child made the refused system call " + std::to_string(crash->syscall));
  }
  return std::move((*packet)->bytes);
}

}  // namespace ssh2incus
