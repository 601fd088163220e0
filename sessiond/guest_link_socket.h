// One of the four sockets of a guest link, mostly a websocket: its fd, its framing and its unsent
// output. What arrives is handed on as it came; guest_link.cc judges it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "common/byte_queue.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "sessiond/websocket.h"

namespace ssh2incus {

class GuestLinkSocket {
 public:
  enum class Received : std::uint8_t { kSomething, kNothingYet };

  GuestLinkSocket() = default;
  // Makes the socket non-blocking.
  static Result<GuestLinkSocket> create(UniqueFd fd);
  // Without framing: the bytes themselves, as a guest on the host sends them.
  static Result<GuestLinkSocket> create_raw(UniqueFd fd);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool is_open() const { return fd_.valid(); }
  void close() { fd_.reset(); }

  // One recv() through scratch; at the end of the connection input.closed is set. An error means
  // that the peer broke the protocol or is gone.
  Result<Received> receive(std::span<std::uint8_t> scratch, WebsocketInput& input);

  void queue(std::span<const std::uint8_t> payload);
  // What was queued so far is framed by itself: what follows is another message.
  void end_message();
  // Incus's sign for the end of a stream, after what was queued.
  void queue_end_of_stream();
  [[nodiscard]] std::size_t queued() const;
  // Sends what the socket takes; an error means that the peer is gone.
  Status flush();

 private:
  void frame_queued_payload();
  Bytes& output() { return websocket_ ? websocket_->output() : raw_output_; }
  [[nodiscard]] const Bytes& output() const {
    return websocket_ ? websocket_->output() : raw_output_;
  }

  UniqueFd fd_;
  std::unique_ptr<Websocket> websocket_;  // null: none
  Bytes raw_output_;                      // then
  ByteQueue payload_;                     // not yet framed
  std::size_t output_sent_ = 0;  // bytes at the front of websocket_->output() that are sent
};

}  // namespace ssh2incus
