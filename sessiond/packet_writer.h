// Writes the data types of RFC 4251 §5 into the payload of one SSH packet; PacketReader's reverse.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "common/bounded.h"

namespace ssh2incus {

class PacketWriter {
 public:
  PacketWriter& boolean(bool value) {
    payload_.push_back(value ? 1 : 0);
    return *this;
  }
  PacketWriter& number(std::size_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      payload_.push_back(static_cast<std::uint8_t>(value >> shift));
    }
    return *this;
  }
  PacketWriter& text(std::string_view text) {
    number(text.size());
    payload_.insert(payload_.end(), text.begin(), text.end());
    return *this;
  }
  [[nodiscard]] Bytes take() { return std::move(payload_); }

 private:
  Bytes payload_;
};

}  // namespace ssh2incus
