// Forks, waits, kills. The child's answer is only passed on; who asked decodes it.
#include "monitor/child_task.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "common/crash_notice.h"
#include "common/privileges.h"
#include "common/syscall_filter.h"
#include "monitor/ipc_attendant.h"

namespace ssh2incus {
namespace {

constexpr int kChannelFd = 3;

// Async-signal-safe.
void send_crash(int syscall_number) {
  const auto message = crash_notice_bytes(AttendantMessage::kCrashNotice, syscall_number);
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

void kill_and_reap(pid_t child) {
  kill(child, SIGKILL);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<ipc::IpcChannel> keep_only_channel(ipc::IpcChannel channel, int also_kept) {
  UniqueFd kept = channel.release();
  // Out of the way of both places.
  const UniqueFd other(also_kept < 0 ? -1 : fcntl(also_kept, F_DUPFD_CLOEXEC, kSecondFd + 1));
  if (also_kept >= 0 && !other.valid()) return system_error("F_DUPFD_CLOEXEC");
  if (kept.get() == kSecondFd) kept.reset(fcntl(kept.get(), F_DUPFD_CLOEXEC, kSecondFd + 1));
  if (kept.get() != kChannelFd) {
    if (dup3(kept.get(), kChannelFd, O_CLOEXEC) != kChannelFd) return system_error("dup3");
    kept.reset(kChannelFd);
  }
  if (other.valid() && dup3(other.get(), kSecondFd, O_CLOEXEC) != kSecondFd)
    return system_error("dup3");
  TRY(close_fds_from(other.valid() ? kSecondFd + 1 : kChannelFd + 1));
  TRY(null_standard_streams(true));
  return ipc::IpcChannel(std::move(kept));
}

void report_refusals_to_channel() { report_refused_syscalls(send_crash); }

Result<ChildTask> ChildTask::start(const ChildWork& work) {
  auto [ours, theirs] = TRY(ipc::IpcChannel::pair());
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return system_error("fork");
  if (child == 0) run_child(std::move(theirs), work, parent);
  return ChildTask(child, std::move(ours));
}

ChildTask::ChildTask(ChildTask&& other) noexcept
    : child_(std::exchange(other.child_, -1)), channel_(std::move(other.channel_)) {}

ChildTask::~ChildTask() {
  if (child_ > 0) kill_and_reap(child_);
}

Result<Bytes> ChildTask::receive(int timeout_ms) {
  std::optional<ipc::Packet> packet = TRY(channel_.receive(timeout_ms));
  if (!packet) return fail("the child ended without an answer");
  if (!packet->fds.empty()) return fail("the child sent file descriptors");
  if (const auto crash = ipc::decode<AttendantCrash>(packet->bytes); crash.ok()) {
    return fail("the child made the refused system call " + std::to_string(crash->syscall));
  }
  return std::move(packet->bytes);
}

Result<Bytes> ask_child(const ChildWork& work, int timeout_ms) {
  ChildTask child = TRY(ChildTask::start(work));
  return child.receive(timeout_ms);
}

}  // namespace ssh2incus
