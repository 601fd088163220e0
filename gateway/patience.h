// How long a step may take, and the reason to stop earlier: the monitor has gone. Everything in the
// gateway that waits does it here or with the monitor's fd among its own.
#pragma once

#include <chrono>

#include "gateway/outcome.h"

namespace ssh2incus {

class Patience {
 public:
  using Clock = std::chrono::steady_clock;

  // monitor_fd: the channel, on which nothing more may arrive (-1: none, in tests). Not owned.
  Patience(int monitor_fd, int milliseconds)
      : monitor_fd_(monitor_fd), end_(Clock::now() + std::chrono::milliseconds(milliseconds)) {}

  // The same, ending no later than in so many milliseconds.
  [[nodiscard]] Patience at_most(int milliseconds) const;
  // 0: over.
  [[nodiscard]] int left_ms() const;
  [[nodiscard]] int monitor_fd() const { return monitor_fd_; }

  // Waits until fd has one of the events. doing: what is waited for, for the failure's text.
  Outcome<Done> wait(int fd, short events, const char* doing) const;
  Outcome<Done> sleep(int milliseconds) const;

  static Failure monitor_gone();
  static Failure timed_out(const char* doing);

 private:
  int monitor_fd_;
  Clock::time_point end_;
};

}  // namespace ssh2incus
