// See output_queue.h.
#include "guest/output_queue.h"

#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

namespace ssh2incus::guest {

void OutputQueue::send_frame(FrameType type, std::uint32_t stream,
                             std::span<const std::uint8_t> payload) {
  if (broken_) return;
  auto header = encode_frame_header(type, stream, payload.size());
  std::size_t written = 0;
  if (queued() == 0) {
    const std::array<iovec, 2> parts = {
        {{header.data(), header.size()},
         {const_cast<std::uint8_t*>(payload.data()), payload.size()}}};
    const ssize_t count = writev(fd_.get(), parts.data(), 2);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
      broken_ = true;
      return;
    }
    if (count > 0) written = static_cast<std::size_t>(count);
  }
  if (written < header.size()) {
    unsent_.insert(unsent_.end(), header.begin() + static_cast<long>(written), header.end());
    written = header.size();
  }
  const auto rest = payload.subspan(written - header.size());
  unsent_.insert(unsent_.end(), rest.begin(), rest.end());
}

void OutputQueue::flush() {
  while (!broken_ && queued() > 0) {
    const ssize_t count = write(fd_.get(), unsent_.data() + sent_, queued());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      broken_ = errno != EAGAIN;
      return;
    }
    sent_ += static_cast<std::size_t>(count);
  }
  unsent_.clear();
  sent_ = 0;
}

}  // namespace ssh2incus::guest
