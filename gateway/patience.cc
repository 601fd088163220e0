// Waiting with poll(2) on one fd and the monitor's channel.
#include "gateway/patience.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "common/result.h"

namespace ssh2incus {

Patience Patience::at_most(int milliseconds) const {
  Patience shorter = *this;
  shorter.end_ = std::min(end_, Clock::now() + std::chrono::milliseconds(milliseconds));
  return shorter;
}

int Patience::left_ms() const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now()).count();
  return static_cast<int>(std::clamp<long>(left, 0, 24L * 3600 * 1000));
}

int Patience::slice_ms() const {
  constexpr int kSliceMs = 200;
  const int left = requests_may_come_ ? std::min(left_ms(), kSliceMs) : left_ms();
  const int work = meanwhile_ == nullptr ? -1 : meanwhile_->timeout_ms();
  return work < 0 ? left : std::min(left, work);
}

bool Patience::monitor_has_ended() const {
  pollfd entry{monitor_fd_, 0, 0};
  return poll(&entry, 1, 0) > 0;
}

Outcome<Done> Patience::wait(int fd, short events, const char* doing) const {
  std::vector<pollfd> entries;
  for (;;) {
    entries.assign(
        {{fd, events, 0}, {monitor_fd_, requests_may_come_ ? short{0} : short{POLLIN}, 0}});
    if (meanwhile_ != nullptr) meanwhile_->watch(entries);
    const int left = left_ms();
    const int work = meanwhile_ == nullptr ? -1 : meanwhile_->timeout_ms();
    const int ready = poll(entries.data(), entries.size(), work < 0 ? left : std::min(left, work));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return Failure{TargetFailure::kIncusError, system_error("poll").message};
    if (meanwhile_ != nullptr) meanwhile_->serve(std::span(entries).subspan(2));
    if (entries[1].revents != 0) return monitor_gone();
    if (entries[0].revents != 0) return Done{};
    if (left == 0) return timed_out(doing);
  }
}

Outcome<Done> Patience::sleep(int milliseconds) const {
  const Patience nap = at_most(milliseconds);
  auto woken = nap.wait(-1, 0, "");
  if (!woken.ok() && woken.failure().kind != TargetFailure::kTimedOut) return woken;
  return Done{};
}

Failure Patience::monitor_gone() {
  return {TargetFailure::kIncusError, "the connection has ended"};
}

Failure Patience::timed_out(const char* doing) {
  return {TargetFailure::kTimedOut, std::string("timed out waiting for ") + doing};
}

}  // namespace ssh2incus
