// The data types of RFC 4251 §5, every length checked against what is there.
#include "policy/ssh_wire.h"

namespace ssh2incus {

std::optional<std::uint8_t> WireReader::byte() {
  if (rest_.empty()) return std::nullopt;
  const std::uint8_t value = rest_.front();
  rest_ = rest_.subspan(1);
  return value;
}

std::optional<std::uint32_t> WireReader::number() {
  if (rest_.size() < 4) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = (value << 8) | rest_[i];
  rest_ = rest_.subspan(4);
  return value;
}

std::optional<std::uint64_t> WireReader::long_number() {
  if (rest_.size() < 8) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = (value << 8) | rest_[i];
  rest_ = rest_.subspan(8);
  return value;
}

std::optional<ByteView> WireReader::string() {
  const auto length = number();
  if (!length || *length > rest_.size()) return std::nullopt;
  const ByteView bytes = rest_.first(*length);
  rest_ = rest_.subspan(*length);
  return bytes;
}

void append_wire_number(Bytes& out, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(number >> shift));
  }
}

void append_wire_long_number(Bytes& out, std::uint64_t number) {
  append_wire_number(out, static_cast<std::uint32_t>(number >> 32));
  append_wire_number(out, static_cast<std::uint32_t>(number));
}

void append_wire_string(Bytes& out, ByteView bytes) {
  append_wire_number(out, static_cast<std::uint32_t>(bytes.size()));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace ssh2incus
