// How long a step may take, and the reason to stop earlier: the monitor has gone. Everything in the
// gateway that waits does it here or with the monitor's fd among its own.
#pragma once

#include <poll.h>

#include <chrono>
#include <span>
#include <vector>

#include "gateway/outcome.h"

namespace ssh2incus {

// What goes on while something else is waited for.
class Meanwhile {
 public:
  Meanwhile() = default;
  Meanwhile(const Meanwhile&) = delete;
  Meanwhile& operator=(const Meanwhile&) = delete;
  virtual ~Meanwhile() = default;
  // Appends what it waits for; serve() gets the same entries with what has happened.
  virtual void watch(std::vector<pollfd>& entries) const = 0;
  virtual void serve(std::span<const pollfd> entries) = 0;
  // After which it wants to be served whatever has happened; -1: never.
  [[nodiscard]] virtual int timeout_ms() const = 0;
};

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

  // The same, with that work going on. Not owned.
  [[nodiscard]] Patience with(Meanwhile& meanwhile) const {
    Patience busier = *this;
    busier.meanwhile_ = &meanwhile;
    return busier;
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
  [[nodiscard]] Meanwhile* meanwhile() const { return meanwhile_; }

  // Waits until fd has one of the events. doing: what is waited for, for the failure's text.
  Outcome<Done> wait(int fd, short events, const char* doing) const;
  Outcome<Done> sleep(int milliseconds) const;

  static Failure monitor_gone();
  static Failure timed_out(const char* doing);

 private:
  int monitor_fd_;
  bool requests_may_come_ = false;
  Meanwhile* meanwhile_ = nullptr;
  Clock::time_point end_;
};

}  // namespace ssh2incus
