// ssh2incus-sessiond EMPTY-ROOT UID GID: speaks SSH with one client. fd 3 leads to the monitor, fd
// 4 is the client's connection. The launcher has closed all others.
#include "common/privileges.h"
#include "sessiond/event_loop.h"
#include "sessiond/sandbox.h"

namespace {

using namespace ssh2incus;

constexpr int kMonitorFd = 3;
constexpr int kConnectionFd = 4;

Status run(int count, char** arguments, MonitorClient monitor) {
  UniqueFd connection(kConnectionFd);
  const SandboxIdentity identity = TRY(parse_identity(count, arguments));
  TRY(prepare_libraries());
  TRY(enter_sandbox(identity, kMonitorFd));
  EventLoop loop(std::move(monitor), std::move(connection));
  return loop.run();
}

}  // namespace

int main(int count, char** arguments) {
  ipc::IpcChannel channel{UniqueFd(kMonitorFd)};
  const Status status = run(count, arguments, MonitorClient(std::move(channel)));
  return status.ok() ? 0 : 1;
}
