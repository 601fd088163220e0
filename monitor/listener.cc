// Accepting connections. What is known of a peer here is its address only.
#include "monitor/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
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
                   std::vector<UniqueFd> sockets, UniqueFd signals,
                   std::vector<std::string> arguments)
    : arguments_(std::move(arguments)),
      config_(std::move(config)),
      setup_(std::move(setup)),
      host_keys_(std::move(host_keys)),
      log_(std::move(log)),
      sockets_(std::move(sockets)),
      signals_(std::move(signals)),
      source_startups_(config_.per_source_max_startups, config_.source_ipv4_bits,
                       config_.source_ipv6_bits),
      penalties_(config_.penalty_settings),
      user_penalties_(config_.user_penalty_settings) {}

SourcePenalties::Time Listener::now() const {
  return std::chrono::duration_cast<SourcePenalties::Time>(
      std::chrono::steady_clock::now().time_since_epoch());
}

void Listener::run() {
  while (!stop_) {
    std::vector<pollfd> entries;
    entries.push_back({signals_.get(), POLLIN, 0});
    for (const UniqueFd& socket : sockets_) entries.push_back({socket.get(), POLLIN, 0});
    std::vector<pid_t> pids;
    for (const auto& [pid, child] : children_) {
      if (child.logged_in) continue;
      entries.push_back({child.notices.fd(), POLLIN, 0});
      pids.push_back(pid);
    }
    if (poll(entries.data(), entries.size(), until_refusals_are_due_ms()) < 0) {
      if (errno == EINTR) continue;
      log_.write(LogLevel::kError, "listener_failed", {{"reason", system_error("poll").message}});
      return;
    }
    for (std::size_t i = 0; i < pids.size(); ++i) {
      if (entries[1 + sockets_.size() + i].revents != 0) read_notice(pids[i]);
    }
    if (entries[0].revents != 0) on_signal();
    for (std::size_t i = 0; i < sockets_.size() && !stop_; ++i) {
      if (entries[1 + i].revents != 0) accept_from(sockets_[i]);
    }
    tell_refusals(refusals_.due(now()));
  }
  tell_refusals(refusals_.rest());
}

int Listener::until_refusals_are_due_ms() const {
  const auto due = refusals_.next_due();
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

void Listener::refuse(const UniqueFd& connection, const IpAddress& source, std::string_view text,
                      std::string_view reason) {
  [[maybe_unused]] auto ignored =
      send(connection.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  const IpAddress block =
      source.masked(source.is_ipv6() ? config_.source_ipv6_bits : config_.source_ipv4_bits);
  if (!refusals_.add(block, source, reason, now())) return;
  log_.write(LogLevel::kNotice, "connection_refused",
             {{"source", source.text()}, {"reason", reason}});
}

void Listener::admit(UniqueFd connection, const sockaddr_storage& peer_address) {
  ConnectionInfo info;
  info.peer = endpoint_of(peer_address);
  const IpAddress source = IpAddress::parse(info.peer.address).value_or(IpAddress());
  if (config_.penalties) {
    if (const auto reason = penalties_.is_refused(source, now())) {
      return refuse(connection, source, "Not allowed at this time\r\n",
                    "penalty for " + std::string(penalty_reason_name(*reason)));
    }
  }
  if (drops_startup(config_.max_startups, unauthenticated_, random_())) {
    return refuse(connection, source, "Exceeded MaxStartups\r\n",
                  "too many unauthenticated connections");
  }
  if (!source_startups_.try_add(source)) {
    return refuse(connection, source, "Exceeded MaxStartups\r\n",
                  "too many unauthenticated connections of this source");
  }
  sockaddr_storage local{};
  socklen_t length = sizeof(local);
  if (getsockname(connection.get(), reinterpret_cast<sockaddr*>(&local), &length) == 0) {
    info.local = endpoint_of(local);
  }
  info.id = random_id(random_);
  info.utc_offset_seconds = utc_offset();
  // Asked by the monitor of its copy of the table, as it was when the connection came.
  info.held_back = [this, source, when = now()](const std::string& user) {
    return config_.penalties && user_penalties_.holds_back(user, source, when);
  };
  tune(connection.get());
  start_monitor(std::move(connection), source, std::move(info));
}

void Listener::start_monitor(UniqueFd connection, const IpAddress& source, ConnectionInfo info) {
  auto ends = ipc::IpcChannel::pair();
  const pid_t pid = ends.ok() ? fork() : -1;
  if (pid < 0) {
    source_startups_.remove(source);
    log_.write(LogLevel::kError, "connection_refused",
               {{"source", source.text()}, {"reason", system_error("starting a monitor").message}});
    return;
  }
  if (pid == 0) {
    const ConnectionEnd how = run_connection(config_, setup_, host_keys_, std::move(info), log_,
                                             std::move(connection), std::move(ends->second));
    _exit(static_cast<int>(how));
  }
  children_.emplace(pid, Child{std::move(ends->first), source, info.id, false});
  ++unauthenticated_;
}

void Listener::no_longer_starting(Child& child) {
  if (child.logged_in) return;
  child.logged_in = true;
  --unauthenticated_;
  source_startups_.remove(child.source);
}

// The end of the channel: the monitor has gone, and SIGCHLD follows.
void Listener::read_notice(pid_t pid) {
  Child& child = children_.at(pid);
  const auto packet = child.notices.receive(0);
  if (packet.ok() && *packet && take_notice(child, **packet).ok()) return;
  no_longer_starting(child);
}

// What the monitor said just before its end.
void Listener::read_last_notices(Child& child) {
  for (;;) {
    const auto packet = child.notices.receive(0);
    if (!packet.ok() || !*packet || !take_notice(child, **packet).ok()) return;
  }
}

Status Listener::take_notice(Child& child, const ipc::Packet& packet) {
  if (const auto failure = ipc::decode<FailureNotice>(packet.bytes); failure.ok()) {
    if (user_penalties_.record_failure(*failure->user, now())) {
      log_.write(LogLevel::kNotice, "user_held_back",
                 {{"user", *failure->user}, {"reason", "too many failures"}});
    }
    return {};
  }
  const auto login = TRY(ipc::decode<LoggedInNotice>(packet.bytes));
  if (!login.user.empty()) user_penalties_.record_success(*login.user, child.source);
  no_longer_starting(child);
  return {};
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

void Listener::reap() {
  int status = 0;
  for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
    const auto found = children_.find(pid);
    if (found == children_.end()) continue;
    read_last_notices(found->second);
    no_longer_starting(found->second);
    on_child_end(found->second, status);
    children_.erase(found);
  }
}

void Listener::on_child_end(const Child& child, int status) {
  if (WIFSIGNALED(status)) {
    log_.write(
        LogLevel::kError, "crash",
        {{"process", "monitor"}, {"connection", child.connection}, {"signal", WTERMSIG(status)}});
    return;
  }
  switch (static_cast<ConnectionEnd>(WEXITSTATUS(status))) {
    case ConnectionEnd::kLoggedIn:
    case ConnectionEnd::kInternal: return;
    case ConnectionEnd::kNoAttempt: return penalise(child.source, PenaltyReason::kNoAuth);
    case ConnectionEnd::kAuthFailed: return penalise(child.source, PenaltyReason::kAuthFail);
    case ConnectionEnd::kInvalidUser: return penalise(child.source, PenaltyReason::kInvalidUser);
    case ConnectionEnd::kGraceExceeded:
      return penalise(child.source, PenaltyReason::kGraceExceeded);
    case ConnectionEnd::kCrashed:
    case ConnectionEnd::kViolation: return penalise(child.source, PenaltyReason::kCrash);
  }
}

void Listener::penalise(const IpAddress& source, PenaltyReason reason) {
  if (!config_.penalties) return;
  const SourcePenalties::Outcome outcome = penalties_.penalise(source, reason, now());
  if (!outcome.applied) return;
  log_.write(LogLevel::kNotice, "penalty",
             {{"source", source.text()},
              {"reason", penalty_reason_name(reason)},
              {"seconds", static_cast<std::uint64_t>(outcome.left.count())},
              {"refused", outcome.refused ? "yes" : "no"}});
}

}  // namespace ssh2incus
