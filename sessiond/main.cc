// ssh2incus-sessiond EMPTY-ROOT UID GID: speaks SSH with one client. fd 3 leads to the monitor, fd
// 4 is the client's connection. The launcher has closed all others.
#include "common/privileges.h"
#include "sessiond/event_loop.h"
#include "sessiond/sandbox.h"

namespace {

using namespace ssh2incus;

constexpr int kMonitorFd = 3;
constexpr int kConnectionFd = 4;

Status shed_privileges(int count, char** arguments) {
  const SandboxIdentity identity = TRY(parse_identity(count, arguments));
  TRY(prepare_libraries());
  return enter_sandbox(identity, kMonitorFd);
}

}  // namespace

int main(int count, char** arguments) {
  MonitorClient monitor(ipc::IpcChannel{UniqueFd(kMonitorFd)});
  UniqueFd connection(kConnectionFd);
  if (const Status shed = shed_privileges(count, arguments); !shed.ok()) {
    static_cast<void>(monitor.notify(
        ipc::DisconnectNotice{truncated<limits::kMaxLogText>(shed.error().message)}));
    return 1;
  }
  EventLoop loop(std::move(monitor), std::move(connection));
  return loop.run().ok() ? 0 : 1;
}
