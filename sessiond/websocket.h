// Client side of RFC 6455 framing over bytes in memory, for one of Incus's exec sockets. What it
// decodes was written by incusd or by whoever sits in the place of a remote one: hostile. No I/O.
//
// Frames are read by libwslay's frame layer: it takes the hostile bytes apart at several GB/s, so a
// parser of our own would gain nothing. Frames are written here, a header of up to 14 bytes before
// the payload: libwslay masks byte by byte, which is 0.9-1.2 GB/s of one CPU, over what is needed
// but five times the cost of everything else on the way in. Our mask is zero: masks protect
// proxies from scripts in browsers, the sockets here are local or inside TLS, and incusd takes it.
#pragma once

#include <wslay/wslay.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "common/bounded.h"
#include "common/result.h"

namespace ssh2incus {

// What arrived on a socket.
struct WebsocketInput {
  Bytes data;                  // payload of binary messages, appended
  bool end_of_stream = false;  // Incus's sign for it: an empty text message
  bool closed = false;         // a close frame
};

class Websocket {
 public:
  // Payload of one frame that we send.
  static constexpr std::size_t kFrameSize = 128UL * 1024;

  static Result<std::unique_ptr<Websocket>> create();
  Websocket(const Websocket&) = delete;
  Websocket& operator=(const Websocket&) = delete;

  // Decodes bytes from the socket; answers pings and a close in output(). An error is final.
  Status decode(std::span<const std::uint8_t> bytes, WebsocketInput& input);
  // Appends payload to output() as binary frames.
  void encode(std::span<const std::uint8_t> payload);
  // Appends an empty text frame, Incus's sign for the end of a stream.
  void encode_end_of_stream();
  // Encoded frames that wait for the socket; the caller removes what it has sent.
  Bytes& output() { return output_; }

 private:
  enum class Message : std::uint8_t { kNone, kBinary, kText };
  struct Deleter {
    void operator()(wslay_frame_context* context) const { wslay_frame_context_free(context); }
  };

  Websocket() = default;
  Status begin_frame(const wslay_frame_iocb& frame);
  Status take_payload(const wslay_frame_iocb& frame, WebsocketInput& input);
  void end_frame(const wslay_frame_iocb& frame, WebsocketInput& input);
  void encode_frame(std::uint8_t opcode, std::span<const std::uint8_t> payload);

  static ssize_t receive_callback(std::uint8_t* buffer, size_t length, int flags, void* self);

  std::unique_ptr<wslay_frame_context, Deleter> context_;
  std::span<const std::uint8_t> unread_;  // of the bytes that decode() was given
  Bytes output_;
  Bytes control_payload_;             // of a ping or close that arrives in pieces
  Message message_ = Message::kNone;  // that continuation frames go on with
  bool in_frame_ = false;
  std::uint64_t frame_received_ = 0;
};

}  // namespace ssh2incus
