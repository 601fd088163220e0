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
    unsent_.append(std::span<const std::uint8_t>(header).subspan(written));
    written = header.size();
  }
  unsent_.append(payload.subspan(written - header.size()));
}

void OutputQueue::flush() {
  while (!broken_ && !unsent_.empty()) {
    const auto waiting = unsent_.front();
    const ssize_t count = write(fd_.get(), waiting.data(), waiting.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      broken_ = errno != EAGAIN;
      return;
    }
    unsent_.take(static_cast<std::size_t>(count));
  }
}

}  // namespace ssh2incus::guest
