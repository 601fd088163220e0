// The listener's side of --pprof: keeps the diagnostics process running, and answers it with
// numbers. That process may be hostile: it can ask, and nothing else.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "monitor/listener.h"

namespace ssh2incus {
namespace {

constexpr int kAnswerMs = 100;
constexpr std::chrono::seconds kShortestLife{10};

// From /proc/PID/statm, which the kernel writes; 0 if the process has gone.
std::uint64_t resident_bytes(const std::string& process) {
  const UniqueFd file(open(("/proc/" + process + "/statm").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 256> text{};
  const ssize_t got = file.valid() ? read(file.get(), text.data(), text.size()) : 0;
  const std::string_view fields(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  const std::size_t space = fields.find(' ');
  if (space == std::string_view::npos) return 0;
  std::uint64_t pages = 0;
  std::from_chars(fields.data() + space + 1, fields.data() + fields.size(), pages);
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

void Listener::start_diagnostics() {
  if (!diagnostics_socket_.valid()) return;
  auto launched = launch_diagnostics(
      setup_.sessiond, config_.libexec_dir + "/ssh2incus-diagnostics", diagnostics_socket_);
  if (!launched.ok()) {
    log_.write(LogLevel::kError, "diagnostics_failed", {{"reason", launched.error().message}});
    return;
  }
  launched->channel.limit_sending(kAnswerMs);
  diagnostics_.emplace(std::move(*launched));
  diagnostics_started_ = now();
}

void Listener::serve_diagnostics() {
  const auto packet = diagnostics_->channel.receive(0);
  if (packet.ok() && *packet) {
    if (ipc::decode<ipc::SnapshotRequest>((*packet)->bytes).ok() &&
        diagnostics_->channel.send(snapshot()).ok()) {
      return;
    }
    if (const auto crash = ipc::decode<ipc::DiagnosticsCrashNotice>((*packet)->bytes); crash.ok()) {
      log_.write(LogLevel::kError, "crash",
                 {{"process", "diagnostics"}, {"syscall", crash->syscall}});
    }
  }
  // It has ended, or has to: closing the channel ends it.
  diagnostics_.reset();
  log_.write(LogLevel::kError, "diagnostics_ended", {});
  if (now() - diagnostics_started_ >= kShortestLife) start_diagnostics();
}

ipc::SnapshotReply Listener::snapshot() {
  ipc::SnapshotReply reply = metrics_.counters();
  reply.version = std::string(SSH2INCUS_VERSION);
  reply.started_unix = static_cast<std::uint64_t>(started_unix_);
  std::uint64_t live = 0;
  std::uint64_t memory = 0;
  for (const auto& [number, child] : children_) {
    if (!child.notices_open) continue;
    ++live;
    memory += resident_bytes(std::to_string(child.pid));
  }
  reply.connections = std::vector<ipc::LabelledCount>{
      {std::string("authenticating"), unauthenticated_},
      {std::string("authenticated"), live - std::min<std::uint64_t>(live, unauthenticated_)}};
  reply.resident_bytes = std::vector<ipc::LabelledCount>{
      {std::string("listener"), resident_bytes("self")}, {std::string("monitors"), memory}};
  reply.penalised_sources = penalties_.tracked();
  if (health_.known()) {
    reply.incus = health_.outage() ? ipc::IncusState::kUnreachable : ipc::IncusState::kReachable;
  }
  return reply;
}

}  // namespace ssh2incus
