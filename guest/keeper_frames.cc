// See keeper_frames.h.
#include "guest/keeper_frames.h"

#include <algorithm>

#include "common/check.h"

namespace ssh2incus::guest {
namespace {

constexpr std::size_t kHeaderSize = 3;

std::uint16_t number_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>((static_cast<unsigned char>(bytes[at]) << 8) |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

void put_number(std::string& out, std::size_t number) {
  out += static_cast<char>(static_cast<unsigned char>(number >> 8));
  out += static_cast<char>(static_cast<unsigned char>(number));
}

}  // namespace

std::string encode_keeper_frame(KeeperFrame kind, std::string_view payload) {
  CHECK(payload.size() <= kMaxKeeperPayload);
  std::string frame(1, static_cast<char>(kind));
  put_number(frame, payload.size());
  return frame.append(payload);
}

std::string encode_keeper_size(const KeeperSize& size) {
  std::string payload;
  put_number(payload, size.columns);
  put_number(payload, size.rows);
  return encode_keeper_frame(KeeperFrame::kSize, payload);
}

std::optional<KeeperSize> decode_keeper_size(std::string_view payload) {
  if (payload.size() != 4) return std::nullopt;
  return KeeperSize{number_at(payload, 0), number_at(payload, 2)};
}

Result<std::optional<KeeperDecoder::Frame>> KeeperDecoder::next(std::string_view& bytes) {
  const auto take = [&](std::size_t wanted) {
    const std::size_t count = std::min(bytes.size(), wanted - std::min(wanted, pending_.size()));
    pending_ += bytes.substr(0, count);
    bytes.remove_prefix(count);
    return pending_.size() >= wanted;
  };
  if (!take(kHeaderSize)) return std::optional<Frame>();
  const auto kind = static_cast<unsigned char>(pending_[0]);
  const std::size_t length = number_at(pending_, 1);
  if (kind < 1 || kind > 4 || length > kMaxKeeperPayload) return fail("malformed frame");
  if (!take(kHeaderSize + length)) return std::optional<Frame>();
  Frame frame{static_cast<KeeperFrame>(kind), pending_.substr(kHeaderSize)};
  pending_.clear();
  return std::optional(std::move(frame));
}

}  // namespace ssh2incus::guest
