// The frames of guest_protocol.h as a byte stream: one decoder for both sides, fed by the other
// one, which may lie. Data is handed out in pieces as it arrives and never collected; a message is
// collected up to its type's bound, so that an absurd length costs nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>

#include "common/guest_protocol.h"
#include "common/result.h"

namespace ssh2incus {

enum class FrameSource : std::uint8_t { kSessiond, kGuest };

constexpr bool carries_raw_data(FrameType type) {
  return type == FrameType::kData || type == FrameType::kExtendedData;
}

// The longest payload that the source may send under this type; none: it may not send it at all.
constexpr std::optional<std::size_t> longest_payload(FrameSource source, FrameType type) {
  constexpr std::size_t kSmallMessage = 2048;
  const bool from_sessiond = source == FrameSource::kSessiond;
  switch (type) {
    case FrameType::kOpenSession:
      if (from_sessiond) return limits::kMaxGuestFrame;
      return std::nullopt;
    case FrameType::kWindowChange:
    case FrameType::kSignal:
    case FrameType::kOpenConnection:
    case FrameType::kOpenListener:
      if (from_sessiond) return kSmallMessage;
      return std::nullopt;
    case FrameType::kClose:
    case FrameType::kPing:
      if (from_sessiond) return 0;
      return std::nullopt;
    case FrameType::kOpened:
    case FrameType::kOpenFailed:
    case FrameType::kExited:
    case FrameType::kListening:
    case FrameType::kAccepted:
      if (!from_sessiond) return kSmallMessage;
      return std::nullopt;
    case FrameType::kClosed:
    case FrameType::kPong:
      if (!from_sessiond) return 0;
      return std::nullopt;
    case FrameType::kExtendedData:
      if (!from_sessiond) return limits::kMaxGuestFrame;
      return std::nullopt;
    case FrameType::kData: return limits::kMaxGuestFrame;
    case FrameType::kEof: return 0;
    case FrameType::kWindowAdjust: return kSmallMessage;
  }
  return std::nullopt;
}

using EncodedFrameHeader = std::array<std::uint8_t, kFrameHeaderSize>;

inline EncodedFrameHeader encode_frame_header(FrameType type, std::uint32_t stream,
                                              std::size_t length) {
  CHECK(length <= limits::kMaxGuestFrame);
  const auto encoded = ipc::encode_fields(
      FrameHeader{.type = type, .stream = stream, .length = static_cast<std::uint32_t>(length)});
  EncodedFrameHeader header{};
  std::copy_n(encoded.begin(), kFrameHeaderSize, header.begin());
  return header;
}

// A message, or a piece of the data of a frame (header.length is the whole frame's).
struct FrameEvent {
  FrameHeader header;
  std::span<const std::uint8_t> payload;  // valid until the next call
};

class FrameDecoder {
 public:
  explicit FrameDecoder(FrameSource source) : source_(source) {}

  // Takes bytes off the front of input. None: all of it is used up and more is needed. After an
  // error the stream can't be decoded any further.
  Result<std::optional<FrameEvent>> next(std::span<const std::uint8_t>& input) {
    if (!in_payload_) {
      TRY(read_header(input));
      if (!in_payload_) return std::optional<FrameEvent>();
    }
    return carries_raw_data(header_.type) ? next_piece(input) : next_message(input);
  }

 private:
  Status read_header(std::span<const std::uint8_t>& input) {
    const std::size_t taken = std::min(kFrameHeaderSize - header_size_, input.size());
    std::copy_n(input.begin(), taken, header_bytes_.begin() + static_cast<long>(header_size_));
    input = input.subspan(taken);
    header_size_ += taken;
    if (header_size_ < kFrameHeaderSize) return {};
    header_size_ = 0;
    header_ = TRY(ipc::decode_fields<FrameHeader>(header_bytes_));
    if (header_.reserved != 0 || header_.reserved2 != 0) return fail("reserved bits in a frame");
    const auto longest = longest_payload(source_, header_.type);
    if (!longest) return fail("frame of a type that only the other side sends");
    if (header_.length > *longest) return fail("frame too long");
    rest_ = header_.length;
    collected_.clear();
    in_payload_ = true;
    return {};
  }

  std::optional<FrameEvent> next_piece(std::span<const std::uint8_t>& input) {
    if (input.empty() && rest_ != 0) return std::nullopt;
    return FrameEvent{header_, take(input)};
  }

  std::optional<FrameEvent> next_message(std::span<const std::uint8_t>& input) {
    const auto piece = take(input);
    if (!in_payload_ && collected_.empty()) return FrameEvent{header_, piece};
    collected_.insert(collected_.end(), piece.begin(), piece.end());
    if (in_payload_) return std::nullopt;
    return FrameEvent{header_, collected_};
  }

  std::span<const std::uint8_t> take(std::span<const std::uint8_t>& input) {
    const auto piece = input.first(std::min<std::size_t>(rest_, input.size()));
    input = input.subspan(piece.size());
    rest_ -= piece.size();
    in_payload_ = rest_ != 0;
    return piece;
  }

  FrameSource source_;
  EncodedFrameHeader header_bytes_{};
  std::size_t header_size_ = 0;
  FrameHeader header_;
  bool in_payload_ = false;
  std::size_t rest_ = 0;  // of the present frame's payload
  Bytes collected_;       // of a message that arrived in pieces
};

}  // namespace ssh2incus
