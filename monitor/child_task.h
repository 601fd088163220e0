// A piece of work done by a forked child: what users' files and PAM's modules may do to a process
// is done to the child. What it sends is bounded and passed on; whoever asked decodes it.
#pragma once

#include <sys/types.h>

#include <functional>

#include "common/ipc_channel.h"
#include "common/result.h"

namespace ssh2incus {

// work runs in the child, with the channel for its answer on fd 3, /dev/null on 0-2 and no other
// fd; parent is the pid for die_with_parent(), which work calls once it has the user that it keeps.
using ChildWork = std::function<void(ipc::IpcChannel& answer, pid_t parent)>;

// A child that is spoken with more than once; killed and reaped when released.
class ChildTask {
 public:
  static Result<ChildTask> start(const ChildWork& work);
  ChildTask(ChildTask&& other) noexcept;
  ChildTask& operator=(ChildTask&&) = delete;
  ~ChildTask();

  template <ipc::Message T>
  Status send(const T& message) {
    return channel_.send(message);
  }
  // One message of the child. Its end, fds, and a refused system call (named) are errors.
  Result<Bytes> receive(int timeout_ms);

 private:
  ChildTask(pid_t child, ipc::IpcChannel channel) : child_(child), channel_(std::move(channel)) {}
  pid_t child_;
  ipc::IpcChannel channel_;
};

// The child's answer. It has timeout_ms and is dead when this returns. A refused system call of the
// child is an error that names it.
Result<Bytes> ask_child(const ChildWork& work, int timeout_ms);

// The SIGSYS handler of the attendant and its children: reports to fd 3.
void report_refusals_to_channel();

// Puts the channel on fd 3, /dev/null on 0-2, and closes the rest; also_kept, if it isn't -1,
// becomes kSecondFd.
Result<ipc::IpcChannel> keep_only_channel(ipc::IpcChannel channel, int also_kept = -1);
inline constexpr int kSecondFd = 4;

}  // namespace ssh2incus
