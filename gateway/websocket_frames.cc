// RFC 6455 section 5. Frames of a server are unmasked, without reserved bits; control frames are
// short and whole.
#include "gateway/websocket_frames.h"

#include <algorithm>

#include "common/check.h"
#include "common/ipc_codec.h"

namespace ssh2incus {
namespace {

constexpr std::uint8_t kFinalBit = 0x80;
constexpr std::uint8_t kReservedBits = 0x70;
constexpr std::uint8_t kMaskBit = 0x80;
constexpr std::size_t kMaxControlPayload = 125;

constexpr bool is_valid(Opcode opcode) {
  const auto raw = static_cast<std::uint8_t>(opcode);
  return raw <= 2 || (raw >= 8 && raw <= 10);
}
constexpr bool is_control(Opcode opcode) { return static_cast<std::uint8_t>(opcode) >= 8; }

std::uint64_t big_endian(std::span<const std::uint8_t> bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = (value << 8U) | byte;
  return value;
}

}  // namespace

Bytes encode_frame(Opcode opcode, std::span<const std::uint8_t> payload) {
  CHECK(payload.size() <= limits::kMaxWebsocketFrame);
  ipc::Writer writer;
  writer.put(static_cast<std::uint8_t>(kFinalBit | static_cast<std::uint8_t>(opcode)));
  if (payload.size() <= kMaxControlPayload) {
    writer.put(static_cast<std::uint8_t>(kMaskBit | payload.size()));
  } else if (payload.size() <= 0xffff) {
    writer.put(static_cast<std::uint8_t>(kMaskBit | 126U));
    writer.put(static_cast<std::uint16_t>(payload.size()));
  } else {
    writer.put(static_cast<std::uint8_t>(kMaskBit | 127U));
    writer.put(static_cast<std::uint64_t>(payload.size()));
  }
  writer.put(std::uint32_t{0});  // the mask
  Bytes frame = writer.take();
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

std::size_t FrameReader::header_size() const {
  if (header_taken_ < 2) return 2;
  const std::uint8_t length = header_[1] & 0x7f;
  return length < 126 ? 2 : length == 126 ? 4 : 10;
}

std::size_t FrameReader::wanted() const {
  return in_payload_ ? payload_rest_ : header_size() - header_taken_;
}

Status FrameReader::read_header() {
  const auto opcode = static_cast<Opcode>(header_[0] & 0x0f);
  if ((header_[0] & kReservedBits) != 0) return fail("reserved bits in a websocket frame");
  if ((header_[1] & kMaskBit) != 0) return fail("masked websocket frame from a server");
  if (!is_valid(opcode)) return fail("unknown kind of websocket frame");
  const std::uint8_t length = header_[1];
  const std::size_t size = header_size();
  const std::uint64_t payload =
      size == 2 ? length : big_endian(std::span(header_).subspan(2, size - 2));
  frame_ = {opcode, (header_[0] & kFinalBit) != 0, {}};
  if (is_control(opcode) && (!frame_.final || payload > kMaxControlPayload)) {
    return fail("malformed control frame");
  }
  if (payload > max_payload_) return fail("websocket frame too long");
  payload_rest_ = static_cast<std::size_t>(payload);
  header_taken_ = 0;
  return {};
}

Result<std::optional<WebsocketFrame>> FrameReader::take(std::span<const std::uint8_t> bytes) {
  CHECK(bytes.size() <= wanted());
  if (in_payload_) {
    frame_.payload.insert(frame_.payload.end(), bytes.begin(), bytes.end());
    payload_rest_ -= bytes.size();
  } else {
    std::ranges::copy(bytes, header_.begin() + static_cast<long>(header_taken_));
    header_taken_ += bytes.size();
    if (header_taken_ < header_size()) return std::optional<WebsocketFrame>();
    TRY(read_header());
  }
  in_payload_ = payload_rest_ != 0;
  if (in_payload_) return std::optional<WebsocketFrame>();
  return std::optional<WebsocketFrame>(std::move(frame_));
}

Result<std::optional<GuestHello>> HelloReader::take(const WebsocketFrame& frame) {
  switch (frame.opcode) {
    case Opcode::kPing:
    case Opcode::kPong: return std::optional<GuestHello>();
    case Opcode::kClose: ended_ = true; return std::optional<GuestHello>();
    case Opcode::kText:
      // Incus's sign for the end of the stream.
      if (in_message_ || !frame.final || !frame.payload.empty()) return fail("text from a guest");
      ended_ = true;
      return std::optional<GuestHello>();
    case Opcode::kBinary:
    case Opcode::kContinuation: break;
  }
  if (in_message_ != (frame.opcode == Opcode::kContinuation)) return fail("fragments out of order");
  in_message_ = !frame.final;
  if (data_.size() + frame.payload.size() > kMaxHello) return fail("more than a hello");
  data_.insert(data_.end(), frame.payload.begin(), frame.payload.end());
  return decode();
}

Result<std::optional<GuestHello>> HelloReader::decode() const {
  constexpr std::size_t kPrefix = 4;
  if (data_.size() < kPrefix) return std::optional<GuestHello>();
  const std::uint64_t length = big_endian(std::span(data_).first(kPrefix));
  if (length > kMaxHello - kPrefix) return fail("hello too long");
  if (data_.size() > kPrefix + length) return fail("more than a hello");
  if (data_.size() < kPrefix + length || in_message_) return std::optional<GuestHello>();
  auto hello = TRY(ipc::decode_fields<GuestHello>(std::span(data_).subspan(kPrefix)));
  if (hello.version != kGuestProtocolVersion) return fail("hello of another version");
  return std::optional<GuestHello>(std::move(hello));
}

}  // namespace ssh2incus
