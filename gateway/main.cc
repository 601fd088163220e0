// ssh2incus-gateway UID GID INCUS-GID: serves the monitor, on fd 3, against Incus. Started with the
// capabilities that it takes to become UID; gives them up before anything else.
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>

#include "common/ipc_channel.h"
#include "common/privileges.h"
#include "gateway/sandbox.h"
#include "gateway/service.h"

namespace ssh2incus {
namespace {

Result<std::uint32_t> parse_id(const char* text) {
  std::uint32_t id = 0;
  const char* end = text + std::strlen(text);
  const auto [at, error] = std::from_chars(text, end, id);
  if (error != std::errc() || at != end || id == 0) {
    return fail(std::string("not an unprivileged id: ") + text);
  }
  return id;
}

Result<IncusClient> begin(char** arguments) {
  GatewayIds ids;
  ids.uid = TRY(parse_id(arguments[1]));
  ids.gid = TRY(parse_id(arguments[2]));
  ids.incus_gid = TRY(parse_id(arguments[3]));
  TRY(null_standard_streams(true));
  TRY(close_fds_from(kMonitorFd + 1));
  auto client = TRY(IncusClient::create());
  TRY(enter_sandbox(ids));
  return client;
}

[[noreturn]] void run(char** arguments) {
  ipc::IpcChannel monitor{UniqueFd(kMonitorFd)};
  auto client = begin(arguments);
  const Status status = GatewayService(monitor, client).run();
  // Here, without destructors: libcurl's would change signal handlers, which the filter refuses,
  // and everything ends with the process.
  _exit(status.ok() ? 0 : 1);
}

}  // namespace
}  // namespace ssh2incus

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("ssh2incus-gateway is started by ssh2incus\n", stderr);
    return 2;
  }
  ssh2incus::run(argv);
}
