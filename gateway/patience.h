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

  // While requests of the monitor may come meanwhile: only its end counts.
  static Patience beside_requests(int monitor_fd, int milliseconds) {
    Patience patience(monitor_fd, milliseconds);
    patience.requests_may_come_ = true;
    return patience;
  }

  // The same, ending no later than in so many milliseconds.
  [[nodiscard]] Patience at_most(int milliseconds) const;
  // 0: over.
  [[nodiscard]] int left_ms() const;
  // For others that wait with it among their fds: -1 if they must look with monitor_has_ended()
  // instead, at least every slice_ms().
  [[nodiscard]] int monitor_fd() const { return requests_may_come_ ? -1 : monitor_fd_; }
  [[nodiscard]] int slice_ms() const;
  [[nodiscard]] bool monitor_has_ended() const;

  // Waits until fd has one of the events. doing: what is waited for, for the failure's text.
  Outcome<Done> wait(int fd, short events, const char* doing) const;
  Outcome<Done> sleep(int milliseconds) const;

  static Failure monitor_gone();
  static Failure timed_out(const char* doing);

 private:
  int monitor_fd_;
  bool requests_may_come_ = false;
  Clock::time_point end_;
};

}  // namespace ssh2incus
