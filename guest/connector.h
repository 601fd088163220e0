// From an OpenConnection to a connected socket, step by step and never waiting: the grant is asked,
// the name looked up, its addresses tried one after the other, all within a time limit.
#pragma once

#include <chrono>
#include <optional>
#include <variant>
#include <vector>

#include "common/guest_protocol.h"
#include "common/unique_fd.h"
#include "guest/name_lookup.h"
#include "guest/network_address.h"

namespace ssh2incus::guest {

class Connector {
 public:
  using Clock = std::chrono::steady_clock;
  using Outcome = std::variant<UniqueFd, OpenFailed>;

  // The grant outlives the connector. wish comes from sessiond.
  Connector(const ForwardGrant& grant, OpenConnection wish);

  // The host is a name: advance() starts a process.
  [[nodiscard]] bool needs_lookup() const;
  [[nodiscard]] bool looks_up() const { return lookup_.has_value(); }
  // Goes on as far as possible; none: wait for fd() or deadline(), then call again.
  std::optional<Outcome> advance();
  [[nodiscard]] int fd() const;
  [[nodiscard]] short events() const;
  [[nodiscard]] Clock::time_point deadline() const;
  // A child that has worked for it, to be reaped by whoever drops the connector; -1: none.
  [[nodiscard]] pid_t child() const { return child_; }

 private:
  std::optional<Outcome> begin();
  Outcome connect_path();
  std::optional<Outcome> take_addresses(std::vector<NetworkAddress> addresses);
  std::optional<Outcome> try_next();
  std::optional<Outcome> check_attempt();
  Outcome refused(OpenFailure reason, const std::string& text) const;

  const ForwardGrant& grant_;
  OpenConnection wish_;
  Clock::time_point end_;
  bool begun_ = false;
  std::optional<NameLookup> lookup_;
  pid_t child_ = -1;
  std::vector<NetworkAddress> addresses_;  // that are left to be tried, the last one first
  UniqueFd attempt_;
  Clock::time_point attempt_end_;
  int last_error_ = 0;
};

}  // namespace ssh2incus::guest
