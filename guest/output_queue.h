// Frames on their way to sessiond, over the guest's stdout. Written straight through while the
// pipe takes them; what it doesn't take is kept, and the multiplexer reads no more output of
// programs until it is gone.
#pragma once

#include <span>

#include "common/byte_queue.h"
#include "common/guest_frames.h"
#include "common/unique_fd.h"

namespace ssh2incus::guest {

class OutputQueue {
 public:
  explicit OutputQueue(UniqueFd fd) : fd_(std::move(fd)) {}

  void send_frame(FrameType type, std::uint32_t stream, std::span<const std::uint8_t> payload);
  template <typename T>
  void send_message(FrameType type, std::uint32_t stream, const T& message) {
    send_frame(type, stream, ipc::encode_fields(message));
  }
  void flush();
  [[nodiscard]] std::size_t queued() const { return unsent_.size(); }
  // Nobody reads any more.
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  ByteQueue unsent_;
  bool broken_ = false;
};

}  // namespace ssh2incus::guest
