// What the multiplexer leaves behind if it is killed, in memory that the launcher shares with it:
// the leaders of running sessions, for the launcher to hang up, and the agent's socket, for it to
// remove. The multiplexer may write anything here, so the launcher acts on it with the
// multiplexer's own user id only.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <string>

namespace ssh2incus::guest {

class LeaderTable {
 public:
  // In shared memory; lives as long as the process. Null if there is none.
  static LeaderTable* create();

  // A leader that finds no slot is not recorded.
  void add(pid_t leader);
  void remove(pid_t leader);
  // One for all: the path of the agent's socket, to be removed too. A path that is too long is not
  // recorded.
  void set_agent_socket(const std::string& path);
  [[nodiscard]] std::string agent_socket() const;
  // HUP, and CONT for those that are stopped, to each leader's process group.
  void hang_up() const;

 private:
  std::array<std::atomic<pid_t>, 1024> leaders_{};
  std::array<std::atomic<char>, 128> agent_socket_{};
};

}  // namespace ssh2incus::guest
