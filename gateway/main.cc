// ssh2incus-gateway UID GID INCUS-GID: carries out one grant of the monitor, on fd 3, against
// Incus. Started with the capabilities that it takes to become UID; gives them up before anything
// else.
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>

#include "common/ipc_channel.h"
#include "common/privileges.h"
#include "gateway/open_target.h"
#include "gateway/sandbox.h"

namespace ssh2incus {
namespace {

constexpr int kRequestMs = 30'000;

Result<std::uint32_t> parse_id(const char* text) {
  std::uint32_t id = 0;
  const char* end = text + std::strlen(text);
  const auto [at, error] = std::from_chars(text, end, id);
  if (error != std::errc() || at != end || id == 0) {
    return fail(std::string("not an unprivileged id: ") + text);
  }
  return id;
}

Status answer(ipc::IpcChannel& monitor, Result<IncusClient>& client) {
  const auto request = TRY(monitor.receive_message<ipc::OpenRequest>(kRequestMs));
  if (!client.ok()) {
    const std::string text = "the gateway can't start: " + client.error().message;
    return monitor.send(
        ipc::FailedReply{TargetFailure::kIncusError, truncated<limits::kMaxUserMessage>(text)});
  }
  const Progress progress = [&](const std::string& text) {
    // If the monitor has gone, the next wait notices.
    static_cast<void>(monitor.send(ipc::GatewayProgress{truncated<limits::kMaxUserMessage>(text)}));
  };
  // A little less than the monitor's own patience, so that the reason reaches it.
  const Patience patience(monitor.fd(), limits::kGatewayOpenMs - 1000);
  auto opened = open_target(*client, request, progress, patience);
  if (!opened.ok()) {
    const Failure& failure = opened.failure();
    return monitor.send(
        ipc::FailedReply{failure.kind, truncated<limits::kMaxUserMessage>(failure.text)});
  }
  const GuestStreams& streams = opened->streams;
  const std::array fds = {streams.input.get(), streams.output.get(), streams.errors.get(),
                          streams.control.get()};
  return monitor.send(ipc::ReadyReply{opened->uid, truncated<64>(opened->instance_uuid)}, fds);
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
  const Status status = answer(monitor, client);
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
