// ssh2incus-gateway UID GID INCUS-GID: serves the monitor, on fd 3, against an incusd of this host.
// ssh2incus-gateway UID GID HOST PORT: the same against a remote by https, which it can reach and
// nothing that the group would open. Started with the capabilities that it takes to become UID;
// gives them up before anything else.
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "common/ipc_channel.h"
#include "common/privileges.h"
#include "gateway/network_address.h"
#include "gateway/sandbox.h"
#include "gateway/service.h"

namespace ssh2incus {

constexpr std::size_t kLocalArguments = 4;
constexpr std::size_t kRemoteArguments = 5;

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

Result<std::uint16_t> parse_port(const char* text) {
  const std::uint32_t port = TRY(parse_id(text));
  if (port > 65535) return fail(std::string("not a port: ") + text);
  return static_cast<std::uint16_t>(port);
}

Result<IncusClient> begin(const std::vector<const char*>& arguments) {
  const bool is_local = arguments.size() == kLocalArguments;
  GatewayIds ids;
  ids.uid = TRY(parse_id(arguments[1]));
  ids.gid = TRY(parse_id(arguments[2]));
  if (is_local) ids.incus_gid = TRY(parse_id(arguments[3]));
  TRY(null_standard_streams(true));
  TRY(close_fds_from(kMonitorFd + 1));
  TRY(become_gateway(ids));
  std::optional<NetworkServer> server;
  if (!is_local) server = look_up_server(arguments[3], TRY(parse_port(arguments[4])));
  auto client = TRY(IncusClient::create(std::move(server)));
  TRY(enter_sandbox(is_local ? GatewayReach::kLocal : GatewayReach::kNetwork));
  return client;
}

[[noreturn]] void run(const std::vector<const char*>& arguments) {
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
  const std::vector<const char*> arguments(argv, argv + argc);
  if (arguments.size() != ssh2incus::kLocalArguments &&
      arguments.size() != ssh2incus::kRemoteArguments) {
    std::fputs("ssh2incus-gateway is started by ssh2incus\n", stderr);
    return 2;
  }
  ssh2incus::run(arguments);
}
