// The leaders of running sessions, in memory that the launcher shares with the multiplexer: should
// the multiplexer be killed, the launcher still knows whom to hang up. The multiplexer may write
// anything here, so the launcher acts on it with the multiplexer's own user id only.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>

namespace ssh2incus::guest {

class LeaderTable {
 public:
  // In shared memory; lives as long as the process. Null if there is none.
  static LeaderTable* create();

  // A leader that finds no slot is not recorded.
  void add(pid_t leader);
  void remove(pid_t leader);
  // HUP, and CONT for those that are stopped, to each leader's process group.
  void hang_up() const;

 private:
  std::array<std::atomic<pid_t>, 1024> leaders_{};
};

}  // namespace ssh2incus::guest
