// What travels between the keeper of a session (keeper.h) and those who are attached to it, both
// the same user's: a kind, and a length (u16, big-endian) of what follows. A decoder never holds
// more than one frame.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/result.h"

namespace ssh2incus::guest {

enum class KeeperFrame : std::uint8_t {
  kInput = 1,  // to the keeper: what was typed
  kSize,       // to the keeper: columns and rows, u16 each
  kOutput,     // from the keeper
  kEnded,      // from the keeper, its last: 1 by a signal or 0, and its number or the exit code
};
inline constexpr std::size_t kMaxKeeperPayload = 8192;

std::string encode_keeper_frame(KeeperFrame kind, std::string_view payload);

struct KeeperSize {
  std::uint16_t columns = 80;
  std::uint16_t rows = 24;
  friend bool operator==(const KeeperSize&, const KeeperSize&) = default;
};
std::string encode_keeper_size(const KeeperSize& size);
std::optional<KeeperSize> decode_keeper_size(std::string_view payload);

class KeeperDecoder {
 public:
  struct Frame {
    KeeperFrame kind{};
    std::string payload;
  };
  // The next whole frame, taking what it needs from the bytes; none: all bytes are taken. An error:
  // the other side speaks something else.
  Result<std::optional<Frame>> next(std::string_view& bytes);

 private:
  std::string pending_;
};

}  // namespace ssh2incus::guest
