// Bytes that wait for a descriptor: appended at the end, taken from the front, in one piece of
// memory that stays proportional to what waits, however long the queue never runs empty.
#pragma once

#include <cstdint>
#include <span>

#include "common/bounded.h"
#include "common/check.h"

namespace ssh2incus {

class ByteQueue {
 public:
  [[nodiscard]] std::size_t size() const { return bytes_.size() - taken_; }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::span<const std::uint8_t> front() const {
    return std::span<const std::uint8_t>(bytes_).subspan(taken_);
  }
  void append(std::span<const std::uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void take(std::size_t count) {
    CHECK(count <= size());
    taken_ += count;
    if (taken_ == bytes_.size()) {
      bytes_.clear();
      taken_ = 0;
    } else if (taken_ > bytes_.size() / 2) {  // so that each byte moves at most about once
      bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(taken_));
      taken_ = 0;
    }
  }
  void clear() { take(size()); }
  // Gives memory back if the queue is empty; for quiet moments.
  void release() {
    if (empty()) Bytes().swap(bytes_);
  }

 private:
  Bytes bytes_;
  std::size_t taken_ = 0;  // of bytes_, at its front
};

}  // namespace ssh2incus
