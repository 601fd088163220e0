// Accepting connections. What is known of a peer here is its address only.
#include "monitor/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

namespace ssh2incus {
namespace {

std::string random_id(std::random_device& random) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string id;
  for (int i = 0; i < 4; ++i) {
    const unsigned bits = random();
    for (int shift = 0; shift < 16; shift += 4) id += kDigits[(bits >> shift) & 15];
  }
  return id;
}

void tune(int fd) {
  const int on = 1;
  // Without them the connection still works.
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

int utc_offset() {
  const std::time_t now = std::time(nullptr);
  tm local{};
  return localtime_r(&now, &local) == nullptr ? 0 : static_cast<int>(local.tm_gmtoff);
}

}  // namespace

Listener::Listener(ServerConfig config, ConnectionSetup setup, HostKeys host_keys, Log log,
                   ListenerSockets sockets, UniqueFd signals, std::vector<std::string> arguments)
    : arguments_(std::move(arguments)),
      config_(std::move(config)),
      setup_(std::move(setup)),
      host_keys_(std::move(host_keys)),
      log_(std::move(log)),
      sockets_(std::move(sockets.listening)),
      signals_(std::move(signals)),
      control_(std::move(sockets.control)),
      diagnostics_socket_(std::move(sockets.diagnostics)),
      started_unix_(std::time(nullptr)),
      health_(config_.health_check),
      source_startups_(config_.per_source_max_startups, config_.source_ipv4_bits,
                       config_.source_ipv6_bits),
      penalties_(config_.penalty_settings),
      user_penalties_(config_.user_penalty_settings) {}

SourcePenalties::Time Listener::now() const {
  return std::chrono::duration_cast<SourcePenalties::Time>(
      std::chrono::steady_clock::now().time_since_epoch());
}

// The entries of poll(), in this order: signals, listening sockets, the control socket, a
// successor, the diagnostics process, a health check, then those of the children in `polled`.
std::vector<pollfd> Listener::poll_entries(std::vector<std::uint64_t>& polled) const {
  std::vector<pollfd> entries;
  entries.push_back({signals_.get(), POLLIN, 0});
  for (const UniqueFd& socket : sockets_) entries.push_back({socket.get(), POLLIN, 0});
  entries.push_back({control_.get(), POLLIN, 0});
  entries.push_back({successor_ ? successor_->fd() : -1, POLLIN, 0});
  entries.push_back({diagnostics_ ? diagnostics_->channel.fd() : -1, POLLIN, 0});
  entries.push_back({health_check_ ? health_check_->channel.fd() : -1, POLLIN, 0});
  for (const auto& [number, child] : children_) {
    if (!child.notices_open) continue;
    entries.push_back({child.notices.fd(), POLLIN, 0});
    polled.push_back(number);
  }
  return entries;
}

void Listener::run() {
  start_diagnostics();
  while (!stop_) {
    std::vector<std::uint64_t> polled;
    std::vector<pollfd> entries = poll_entries(polled);
    if (poll(entries.data(), entries.size(), until_due_ms()) < 0) {
      if (errno == EINTR) continue;
      log_.write(LogLevel::kError, "listener_failed", {{"reason", system_error("poll").message}});
      return;
    }
    const std::size_t first_child = entries.size() - polled.size();
    for (std::size_t i = 0; i < polled.size(); ++i) {
      if (entries[first_child + i].revents != 0) read_notice(polled[i]);
    }
    if (entries[0].revents != 0) on_signal();
    if (entries[first_child - 1].revents != 0) serve_health_check();
    if (entries[first_child - 2].revents != 0) serve_diagnostics();
    if (!stop_ && entries[first_child - 3].revents != 0) serve_successor();
    for (std::size_t i = 0; i < sockets_.size() && !stop_; ++i) {
      if (entries[1 + i].revents != 0) accept_from(sockets_[i]);
    }
    if (!stop_ && entries[first_child - 4].revents != 0) accept_successor();
    tell_refusals(refusals_.due(now()));
    keep_health();
  }
  tell_refusals(refusals_.rest());
}

int Listener::until_due_ms() const {
  auto due = refusals_.next_due();
  if (const auto health = health_due()) due = std::min(due.value_or(*health), *health);
  if (!due) return -1;
  return static_cast<int>(std::max((*due - now()).count(), std::chrono::milliseconds::rep{0}));
}

void Listener::tell_refusals(const std::vector<RefusalTally::Line>& lines) const {
  for (const auto& [source, reason, times] : lines) {
    log_.write(LogLevel::kNotice, "connections_refused",
               {{"source", source}, {"reason", reason}, {"times", times}});
  }
}

void Listener::accept_from(const UniqueFd& socket) {
  sockaddr_storage peer{};
  socklen_t length = sizeof(peer);
  UniqueFd connection(
      accept4(socket.get(), reinterpret_cast<sockaddr*>(&peer), &length, SOCK_CLOEXEC));
  if (connection.valid()) {
    admit(std::move(connection), peer);
    return;
  }
  if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
    log_.write(LogLevel::kError, "accept_failed", {{"reason", system_error("accept").message}});
    const timespec pause{0, 100'000'000};  // the connection stays queued; don't spin on it
    nanosleep(&pause, nullptr);
  }
}

void Listener::refuse(const UniqueFd& connection, const std::optional<IpAddress>& source,
                      std::string_view text, std::string_view reason) {
  [[maybe_unused]] auto ignored =
      send(connection.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  note_refusal(source, reason);
}

void Listener::note_refusal(const std::optional<IpAddress>& source, std::string_view reason) {
  std::optional<IpAddress> block;
  if (source) {
    block = source->masked(source->is_ipv6() ? config_.source_ipv6_bits : config_.source_ipv4_bits);
  }
  if (!refusals_.add(block, source, reason, now())) return;
  log_.write(LogLevel::kNotice, "connection_refused",
             {{"source", source_text(source)}, {"reason", reason}});
}

void Listener::admit(UniqueFd connection, const sockaddr_storage& peer_address) {
  ConnectionInfo info;
  info.peer = endpoint_of(peer_address);
  const std::optional<IpAddress> source = IpAddress::parse(info.peer.address);
  info.proxied = config_.balancers.include(source);
  if (drops_startup(config_.max_startups, unauthenticated_, random_())) {
    metrics_.refused(Metrics::Refusal::kMaxStartups);
    return refuse(connection, source, kTooManyText, "too many unauthenticated connections");
  }
  // A balancer's clients are judged once they are known.
  if (const Verdict verdict = info.proxied ? Verdict{} : judge(source); !verdict.reason.empty()) {
    return refuse(connection, source, verdict.text, verdict.reason);
  }
  sockaddr_storage local{};
  socklen_t length = sizeof(local);
  if (getsockname(connection.get(), reinterpret_cast<sockaddr*>(&local), &length) == 0) {
    info.local = endpoint_of(local);
  }
  info.id = random_id(random_);
  info.utc_offset_seconds = utc_offset();
  // Asked by the monitor of its copy of the table, as it was when the connection came.
  info.held_back = [this, when = now()](const std::string& user,
                                        const std::optional<IpAddress>& from) {
    return config_.penalties && user_penalties_.holds_back(user, from, when);
  };
  info.outage = health_.outage();
  tune(connection.get());
  start_monitor(std::move(connection), info.proxied ? std::nullopt : source, std::move(info));
}

void Listener::on_signal() {
  signalfd_siginfo signal{};
  while (read(signals_.get(), &signal, sizeof(signal)) == static_cast<ssize_t>(sizeof(signal))) {
    if (signal.ssi_signo == SIGTERM || signal.ssi_signo == SIGINT) {
      log_.write(LogLevel::kNotice, "stopping",
                 {{"connections", static_cast<std::uint64_t>(children_.size())}});
      stop_ = true;
    } else if (signal.ssi_signo == SIGHUP) {
      reload();
    }
  }
  reap();
}

}  // namespace ssh2incus
