// The listener: accepts connections, holds back floods and penalised sources, forks a monitor for
// each connection, reaps them and learns from how they ended. Parses nothing from the network.
#pragma once

#include <sys/types.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "common/ipc_channel.h"
#include "common/log.h"
#include "common/unique_fd.h"
#include "monitor/connection.h"
#include "monitor/connection_end.h"
#include "monitor/host_keys.h"
#include "monitor/server_config.h"
#include "policy/ip_address.h"
#include "policy/penalties.h"
#include "policy/refusal_tally.h"
#include "policy/startups.h"
#include "policy/user_penalties.h"

struct sockaddr_storage;

namespace ssh2incus {

class Listener {
 public:
  Listener(ServerConfig config, ConnectionSetup setup, HostKeys host_keys, Log log,
           std::vector<UniqueFd> sockets, UniqueFd signals, std::vector<std::string> arguments);

  // Serves until SIGTERM or SIGINT. In a forked child, runs the connection and never returns.
  void run();

 private:
  struct Child {
    ipc::IpcChannel notices;  // monitor/ipc_listener.h
    IpAddress source;
    std::string connection;
    bool logged_in = false;
  };

  void accept_from(const UniqueFd& socket);
  void admit(UniqueFd connection, const sockaddr_storage& peer_address);
  void refuse(const UniqueFd& connection, const IpAddress& source, std::string_view text,
              std::string_view reason);
  [[nodiscard]] int until_refusals_are_due_ms() const;
  void tell_refusals(const std::vector<RefusalTally::Line>& lines) const;
  void no_longer_starting(Child& child);
  void start_monitor(UniqueFd connection, const IpAddress& source, ConnectionInfo info);
  void read_notice(pid_t pid);
  void read_last_notices(Child& child);
  Status take_notice(Child& child, const ipc::Packet& packet);
  void on_signal();
  void reap();
  void on_child_end(const Child& child, int status);
  void penalise(const IpAddress& source, PenaltyReason reason);
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
  std::map<pid_t, Child> children_;
  std::uint32_t unauthenticated_ = 0;
  SourceStartups source_startups_;
  SourcePenalties penalties_;
  UserPenalties user_penalties_;
  RefusalTally refusals_;
  std::random_device random_;
  bool stop_ = false;
};

}  // namespace ssh2incus
