// See websocket.h. wslay finds the frames that arrive, this file says which there may be.
#include "sessiond/websocket.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/check.h"
#include "common/limits.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxControlPayload = 125;       // RFC 6455 §5.5
constexpr std::size_t kMaxQueuedAnswers = 64 * 1024;  // to pings of a server that reads nothing

constexpr bool is_control(std::uint8_t opcode) { return (opcode & 0x8) != 0; }

}  // namespace

Result<std::unique_ptr<Websocket>> Websocket::create() {
  std::unique_ptr<Websocket> websocket(new Websocket());
  const wslay_frame_callbacks callbacks{nullptr, &receive_callback, nullptr};
  wslay_frame_context* context = nullptr;
  if (wslay_frame_context_init(&context, &callbacks, websocket.get()) != 0) {
    return fail("no memory for a websocket");
  }
  websocket->context_.reset(context);
  return websocket;
}

Status Websocket::decode(std::span<const std::uint8_t> bytes, WebsocketInput& input) {
  unread_ = bytes;
  while (true) {
    wslay_frame_iocb frame{};
    const ssize_t received = wslay_frame_recv(context_.get(), &frame);
    if (received == WSLAY_ERR_WANT_READ) break;
    if (received < 0) return fail("malformed websocket frame");
    if (input.closed) return fail("websocket frame after a close");
    if (!in_frame_) TRY(begin_frame(frame));
    TRY(take_payload(frame, input));
    if (frame_received_ == frame.payload_length) end_frame(frame, input);
  }
  CHECK(unread_.empty());
  return {};
}

Status Websocket::begin_frame(const wslay_frame_iocb& frame) {
  if (frame.rsv != 0) return fail("websocket frame with an extension that nobody negotiated");
  if (frame.mask != 0) return fail("masked websocket frame from a server");
  if (frame.payload_length > limits::kMaxWebsocketFrame) return fail("websocket frame too long");
  switch (frame.opcode) {
    case WSLAY_BINARY_FRAME:
    case WSLAY_TEXT_FRAME:
      if (message_ != Message::kNone) return fail("websocket message inside another");
      message_ = frame.opcode == WSLAY_TEXT_FRAME ? Message::kText : Message::kBinary;
      break;
    case WSLAY_CONTINUATION_FRAME:
      if (message_ == Message::kNone) return fail("websocket continuation of nothing");
      break;
    case WSLAY_PING:
    case WSLAY_PONG:
    case WSLAY_CONNECTION_CLOSE:
      if (frame.payload_length > kMaxControlPayload || frame.fin == 0) {
        return fail("malformed websocket control frame");
      }
      break;
    default: return fail("websocket frame of an unknown type");
  }
  control_payload_.clear();
  frame_received_ = 0;
  in_frame_ = true;
  return {};
}

Status Websocket::take_payload(const wslay_frame_iocb& frame, WebsocketInput& input) {
  frame_received_ += frame.data_length;
  if (frame.data_length == 0) return {};
  if (is_control(frame.opcode)) {
    control_payload_.insert(control_payload_.end(), frame.data, frame.data + frame.data_length);
    return {};
  }
  if (message_ == Message::kText) return fail("websocket text where only data is expected");
  input.data.insert(input.data.end(), frame.data, frame.data + frame.data_length);
  return {};
}

void Websocket::end_frame(const wslay_frame_iocb& frame, WebsocketInput& input) {
  in_frame_ = false;
  switch (frame.opcode) {
    case WSLAY_PING:
      if (output_.size() < kMaxQueuedAnswers) encode_frame(WSLAY_PONG, control_payload_);
      return;
    case WSLAY_CONNECTION_CLOSE:
      encode_frame(WSLAY_CONNECTION_CLOSE, control_payload_);
      input.closed = true;
      return;
    case WSLAY_PONG: return;
    default:
      if (frame.fin == 0) return;
      if (message_ == Message::kText) input.end_of_stream = true;
      message_ = Message::kNone;
  }
}

void Websocket::encode(std::span<const std::uint8_t> payload) {
  output_.reserve(output_.size() + payload.size() + 64);
  while (!payload.empty()) {
    const auto piece = payload.first(std::min(payload.size(), kFrameSize));
    encode_frame(WSLAY_BINARY_FRAME, piece);
    payload = payload.subspan(piece.size());
  }
}

void Websocket::encode_end_of_stream() { encode_frame(WSLAY_TEXT_FRAME, {}); }

void Websocket::encode_frame(std::uint8_t opcode, std::span<const std::uint8_t> payload) {
  constexpr std::uint8_t kFinal = 0x80;
  constexpr std::uint8_t kMasked = 0x80;
  constexpr std::array<std::uint8_t, 4> kMask{};
  const std::uint64_t length = payload.size();
  // RFC 6455 §5.2: the shortest of three encodings of the length.
  const unsigned length_bytes = length < 126 ? 0 : length <= 0xffff ? 2 : 8;
  const unsigned short_length = length_bytes == 0   ? static_cast<unsigned>(length)
                                : length_bytes == 2 ? 126
                                                    : 127;
  output_.push_back(kFinal | opcode);
  output_.push_back(static_cast<std::uint8_t>(kMasked | short_length));
  for (unsigned shift = length_bytes * 8; shift > 0; shift -= 8) {
    output_.push_back(static_cast<std::uint8_t>(length >> (shift - 8)));
  }
  output_.insert(output_.end(), kMask.begin(), kMask.end());
  output_.insert(output_.end(), payload.begin(), payload.end());
}

ssize_t Websocket::receive_callback(std::uint8_t* buffer, size_t length, int, void* self) {
  auto& unread = static_cast<Websocket*>(self)->unread_;
  const std::size_t taken = std::min(length, unread.size());
  if (taken == 0) return -1;  // wslay: try again later
  std::memcpy(buffer, unread.data(), taken);
  unread = unread.subspan(taken);
  return static_cast<ssize_t>(taken);
}

}  // namespace ssh2incus
