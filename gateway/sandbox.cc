// The steps of the gateway's sandbox, before anything is received. The process isn't killed when
// its parent ends, which is the monitor's short-lived helper: it watches the channel to the
// monitor.
#include "gateway/sandbox.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>

#include "common/crash_notice.h"
#include "common/ipc_gateway.h"
#include "common/privileges.h"
#include "common/sanitized.h"
#include "gateway/remote_syscalls.h"
#include "gateway/syscalls.h"

namespace ssh2incus {
namespace {

constexpr rlim_t kCpuSeconds = 30;        // for each request of plain mode, else in all
constexpr rlim_t kMostCpuSeconds = 3600;  // in all; nothing can raise it
// A remote's streams: bounded by what they carry (gateway/tls_pump.cc), whose whole has no limit.
constexpr rlim_t kMostCpuSecondsOfPump = RLIM_INFINITY;
// As many as the attendant leaves: of plain mode's sessions each takes eight
// (gateway/plain_exec.cc).
constexpr unsigned kPumpFiles = 256;

// Runs in the SIGSYS handler: no allocation, one write.
void report_to_monitor(int syscall_number) {
  const auto message = crash_notice_bytes(ipc::GatewayMessage::kCrashNotice, syscall_number);
  [[maybe_unused]] const ssize_t ignored = write(kMonitorFd, message.data(), message.size());
}

// An instance's password hash is computed here: however its cost was judged, it can't take more.
// (Sanitizers map terabytes.)
Status limit_memory_and_time(GatewayReach reach) {
  constexpr rlim_t kAddressSpace = 512UL * 1024 * 1024;
  const rlimit space{kAddressSpace, kAddressSpace};
  if (!kSanitized && setrlimit(RLIMIT_AS, &space) != 0) return system_error("setrlimit AS");
  const bool is_local = reach == GatewayReach::kLocal;
  const rlimit time{kCpuSeconds, is_local ? kMostCpuSeconds : kMostCpuSecondsOfPump};
  if (setrlimit(RLIMIT_CPU, &time) != 0) return system_error("setrlimit CPU");
  return {};
}

}  // namespace

Status renew_processor_time() {
  rlimit limit{};
  if (getrlimit(RLIMIT_CPU, &limit) != 0) return system_error("getrlimit CPU");
  if (limit.rlim_cur == RLIM_INFINITY) return {};  // not in the sandbox
  timespec used{};
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) return system_error("clock_gettime");
  limit.rlim_cur = std::min(static_cast<rlim_t>(used.tv_sec) + kCpuSeconds, limit.rlim_max);
  if (setrlimit(RLIMIT_CPU, &limit) != 0) return system_error("setrlimit CPU");
  return {};
}

Status become_gateway(const GatewayIds& ids) {
  std::signal(SIGPIPE, SIG_IGN);
  TRY(limit_bounding_set({}));
  const std::array groups = {ids.incus_gid};
  TRY(become_user(ids.uid, ids.gid, std::span(groups).first(ids.incus_gid == 0 ? 0 : 1)));
  return keep_capabilities_only({});
}

Status enter_sandbox(GatewayReach reach) {
  const bool is_local = reach == GatewayReach::kLocal;
  TRY(apply_resource_limits({.no_new_processes = true,
                             .no_file_growth = true,
                             .open_files = is_local ? 64 : kPumpFiles}));
  TRY(limit_memory_and_time(reach));
  TRY(forbid_dumps());
  report_refused_syscalls(report_to_monitor);
  if (is_local) return apply_syscall_filter(kGatewaySyscalls);
  return apply_syscall_filter(remote_gateway_rules());
}

}  // namespace ssh2incus
