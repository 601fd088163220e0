// Replies that wait to be sent, in one piece of memory that isn't cleared before it is read into.
#pragma once

#include <cstring>
#include <memory>
#include <span>

#include "common/check.h"
#include "guest/sftp/protocol.h"

namespace ssh2incus::guest::sftp {

class ReplyBuffer {
 public:
  // Requests are taken up while there is room: the largest reply always fits.
  static constexpr std::size_t kLargestReply = kMaxPacket + 4;
  static constexpr std::size_t kCapacity = 4UL * kMaxPacket;

  [[nodiscard]] bool has_room() const { return kCapacity - end_ >= kLargestReply; }
  [[nodiscard]] std::span<const std::uint8_t> unsent() const {
    return {bytes_.get() + start_, end_ - start_};
  }
  // To write a reply into, then to be kept as far as it was written.
  [[nodiscard]] std::span<std::uint8_t> room() { return {bytes_.get() + end_, kCapacity - end_}; }
  void keep(std::size_t count) {
    CHECK(count <= kCapacity - end_);
    end_ += count;
  }
  void append(std::span<const std::uint8_t> bytes) {
    CHECK(bytes.size() <= kCapacity - end_);
    std::memcpy(bytes_.get() + end_, bytes.data(), bytes.size());
    end_ += bytes.size();
  }
  void sent(std::size_t count) {
    start_ += count;
    if (start_ == end_) start_ = end_ = 0;
  }

 private:
  std::unique_ptr<std::uint8_t[]> bytes_ =
      std::make_unique_for_overwrite<std::uint8_t[]>(kCapacity);
  std::size_t start_ = 0;
  std::size_t end_ = 0;
};

}  // namespace ssh2incus::guest::sftp
