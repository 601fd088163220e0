// The listener: accepts connections, holds back floods and penalised sources, forks a monitor for
// each connection, reaps them and learns from how they ended. Parses nothing from the network.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "common/ipc_channel.h"
#include "common/log.h"
#include "common/unique_fd.h"
#include "monitor/connection.h"
#include "monitor/connection_end.h"
#include "monitor/diagnostics_launcher.h"
#include "monitor/host_keys.h"
#include "monitor/ipc_listener.h"
#include "monitor/metrics.h"
#include "monitor/server_config.h"
#include "monitor/takeover.h"
#include "policy/health_state.h"
#include "policy/ip_address.h"
#include "policy/penalties.h"
#include "policy/refusal_tally.h"
#include "policy/startups.h"
#include "policy/user_penalties.h"

struct sockaddr_storage;

namespace ssh2incus {

// How the source of a connection is written in the log.
std::string source_text(const std::optional<IpAddress>& source);

struct ListenerSockets {
  std::vector<UniqueFd> listening;
  UniqueFd control;      // see monitor/takeover.h; may be invalid
  UniqueFd diagnostics;  // the same
};

class Listener {
 public:
  Listener(ServerConfig config, ConnectionSetup setup, HostKeys host_keys, Log log,
           ListenerSockets sockets, UniqueFd signals, std::vector<std::string> arguments);

  // Before run(): the predecessor's connections, from when it accepts no more.
  void take_over(Predecessor predecessor);

  // Serves until SIGTERM or SIGINT. In a forked child, runs the connection and never returns.
  void run();

 private:
  struct Child {
    ipc::IpcChannel notices;  // monitor/ipc_listener.h
    pid_t pid = -1;
    std::optional<IpAddress> source;  // none: a unix socket
    std::string connection;
    bool source_awaited = false;  // behind a balancer, which hasn't said yet who it is
    bool logged_in = false;       // or ended
    bool adopted = false;         // a predecessor's
    bool notices_open = true;
    std::optional<ConnectionEnd> end{};  // as it says itself
  };
  struct HealthCheck {
    pid_t gateway = -1;
    ipc::IpcChannel channel;
    SourcePenalties::Time end{};  // of patience
  };
  struct Verdict {
    SourceVerdict verdict = SourceVerdict::kAdmitted;
    std::string_view text;  // for the client
    std::string reason;     // for the log; empty: admitted
  };

  std::vector<pollfd> poll_entries(std::vector<std::uint64_t>& polled) const;
  void accept_from(const UniqueFd& socket);
  void admit(UniqueFd connection, const sockaddr_storage& peer_address);
  void refuse(const UniqueFd& connection, const std::optional<IpAddress>& source,
              std::string_view text, std::string_view reason);
  void note_refusal(const std::optional<IpAddress>& source, std::string_view reason);
  Verdict judge(const std::optional<IpAddress>& source);
  Status on_source(Child& child, const SourceRequest& request);
  [[nodiscard]] int until_due_ms() const;
  void tell_refusals(const std::vector<RefusalTally::Line>& lines) const;
  void no_longer_starting(Child& child);
  void start_monitor(UniqueFd connection, const std::optional<IpAddress>& source,
                     ConnectionInfo info);
  void add_child(Child child);
  void read_notice(std::uint64_t number);
  void read_last_notices(Child& child);
  Status take_notice(Child& child, const ipc::Packet& packet);
  template <typename Notice>
  bool count(const ipc::Packet& packet) {
    const auto notice = ipc::decode<Notice>(packet.bytes);
    if (notice.ok()) metrics_.take(*notice);
    return notice.ok();
  }
  void on_signal();
  void reap();
  void on_crash(const Child& child, int signal);
  void on_child_end(const Child& child, ConnectionEnd how);
  void penalise(const std::optional<IpAddress>& source, PenaltyReason reason);
  void accept_successor();  // listener_handover.cc
  void serve_successor();
  Status offer_sockets(ipc::IpcChannel& successor) const;
  Status hand_over(ipc::IpcChannel& successor) const;
  Status adopt(Predecessor& predecessor);
  void start_diagnostics();  // listener_diagnostics.cc
  void serve_diagnostics();
  ipc::SnapshotReply snapshot();
  [[nodiscard]] std::optional<SourcePenalties::Time> health_due() const;  // listener_health.cc
  void keep_health();
  void serve_health_check();
  void end_health_check(bool reachable, const std::string& reason);
  void reload();                      // listener_reload.cc
  Status apply(ServerConfig config);  // all or nothing
  void recount_sources();
  [[nodiscard]] SourcePenalties::Time now() const;

  std::vector<std::string> arguments_;  // the command line, for reloads
  ServerConfig config_;
  ConnectionSetup setup_;
  HostKeys host_keys_;
  Log log_;
  std::vector<UniqueFd> sockets_;
  UniqueFd signals_;
  UniqueFd control_;  // a successor comes that way; may be invalid
  std::optional<ipc::IpcChannel> successor_;
  UniqueFd diagnostics_socket_;
  std::optional<LaunchedDiagnostics> diagnostics_;
  SourcePenalties::Time diagnostics_started_{};
  Metrics metrics_;
  std::time_t started_unix_ = 0;
  HealthState health_;
  std::optional<HealthCheck> health_check_;
  std::map<std::uint64_t, Child> children_;
  std::map<pid_t, std::uint64_t> own_children_;
  std::uint64_t next_child_ = 0;
  std::uint32_t unauthenticated_ = 0;
  SourceStartups source_startups_;
  SourcePenalties penalties_;
  UserPenalties user_penalties_;
  RefusalTally refusals_;
  std::random_device random_;
  bool stop_ = false;
};

}  // namespace ssh2incus
