// The forwarded connections and listeners of this guest, agent and displays among them. What the
// grant doesn't allow is refused here, whatever sessiond asks for.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/guest_frames.h"
#include "guest/agent_socket.h"
#include "guest/connection.h"
#include "guest/listener.h"
#include "guest/output_queue.h"

namespace ssh2incus::guest {

class Forwards {
 public:
  struct Interest {
    int fd;
    short events;
    std::uint32_t stream;  // kAgentStream: the agent's socket
  };

  // grant and output outlive it.
  Forwards(const ForwardGrant& grant, OutputQueue& output) : grant_(grant), output_(output) {}

  // From sessiond, for a stream number that is new. An error: it broke the protocol.
  Status open_connection(std::uint32_t stream, std::span<const std::uint8_t> payload);
  Status open_listener(std::uint32_t stream, std::span<const std::uint8_t> payload);
  [[nodiscard]] bool has(std::uint32_t stream) const {
    return connections_.contains(stream) || listeners_.contains(stream);
  }
  // A frame for a stream that has() it.
  Status take(const FrameEvent& event);
  // Whether the guest has ever given a stream that number.
  [[nodiscard]] bool was_accepted(std::uint32_t stream) const {
    return stream >= kFirstAcceptedStream && stream < next_accepted_;
  }

  // The path of the agent's socket, for a session that wants it; one socket serves them all.
  Result<std::string> share_agent(std::uint32_t session);
  // A display for the session: its number. An error's text is for the user.
  Result<unsigned> open_display(std::uint32_t session, const X11Request& request);
  void close_display(std::uint32_t session) { displays_.erase(session); }

  // may_read: there is room for what sockets send.
  [[nodiscard]] std::vector<Interest> interests(bool may_read) const;
  void handle(std::uint32_t stream, short revents, std::span<std::uint8_t> scratch);
  [[nodiscard]] std::optional<Connector::Clock::time_point> deadline() const;
  void check_deadlines();
  // Adds children that are to be reaped.
  void forget_finished(std::vector<pid_t>& children);

 private:
  static constexpr std::uint32_t kAgentStream = 0;
  struct Display {
    Listener listener;
    bool single_connection;
  };

  [[nodiscard]] bool is_full() const;
  void begin_waiting();
  Status take_for_connection(Connection& connection, const FrameEvent& event);
  bool accept_from(const Listener& listener, AcceptedKind kind, std::uint32_t stream);

  const ForwardGrant& grant_;
  OutputQueue& output_;
  std::map<std::uint32_t, Connection> connections_;
  std::deque<std::uint32_t> waiting_;  // connections, until there are fewer lookups
  std::map<std::uint32_t, Listener> listeners_;
  std::map<std::uint32_t, Display> displays_;  // by the session's stream
  std::optional<AgentSocket> agent_;
  std::uint32_t agent_session_ = 0;  // the first one that wanted it
  std::uint32_t next_accepted_ = kFirstAcceptedStream;
  bool out_of_descriptors_ = false;  // until a connection ends
};

}  // namespace ssh2incus::guest
