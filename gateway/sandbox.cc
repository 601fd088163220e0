// The steps of the gateway's sandbox, before anything is received. The process isn't killed when
// its parent ends, which is the monitor's short-lived helper: it watches the channel to the
// monitor.
#include "gateway/sandbox.h"

#include <unistd.h>

#include <array>
#include <csignal>

#include "common/ipc_gateway.h"
#include "common/privileges.h"
#include "gateway/syscalls.h"

namespace ssh2incus {
namespace {

// Runs in the SIGSYS handler: no allocation, one write of the encoded GatewayCrash.
void report_to_monitor(int syscall_number) {
  const auto number = static_cast<std::uint32_t>(syscall_number);
  const std::array<std::uint8_t, 5> message = {
      static_cast<std::uint8_t>(ipc::GatewayMessage::kCrashNotice),
      static_cast<std::uint8_t>(number >> 24U), static_cast<std::uint8_t>(number >> 16U),
      static_cast<std::uint8_t>(number >> 8U), static_cast<std::uint8_t>(number)};
  [[maybe_unused]] const ssize_t ignored = write(kMonitorFd, message.data(), message.size());
}

}  // namespace

Status enter_sandbox(const GatewayIds& ids) {
  std::signal(SIGPIPE, SIG_IGN);
  TRY(limit_bounding_set({}));
  const std::array groups = {ids.incus_gid};
  TRY(become_user(ids.uid, ids.gid, groups));
  TRY(keep_capabilities_only({}));
  TRY(apply_resource_limits({.no_new_processes = true, .no_file_growth = true, .open_files = 64}));
  TRY(forbid_dumps());
  report_refused_syscalls(report_to_monitor);
  return apply_syscall_filter(kGatewaySyscalls);
}

}  // namespace ssh2incus
