// Looks a host name up as the instance does, in a child process with a time limit: the multiplexer
// never waits. The instance's getent(1) knows all of its name services; where there is none,
// /etc/hosts and DNS are asked.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/bounded.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "guest/network_address.h"

namespace ssh2incus::guest {

class NameLookup {
 public:
  // name: is_host_name().
  static Result<NameLookup> start(const std::string& name);
  NameLookup(NameLookup&&) = default;
  NameLookup& operator=(NameLookup&&) = delete;
  // A child that is still at work is killed. Somebody has to reap it.
  ~NameLookup();

  // For poll(): readable when there is something to read().
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  // True once everything has been said.
  bool read();
  [[nodiscard]] std::vector<NetworkAddress> addresses() const;

 private:
  NameLookup(UniqueFd fd, pid_t pid) : fd_(std::move(fd)), pid_(pid) {}

  UniqueFd fd_;
  pid_t pid_ = -1;
  std::string answer_;  // a line for each address
};

}  // namespace ssh2incus::guest
