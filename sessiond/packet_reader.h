// Reads the data types of RFC 4251 §5 from the payload of one SSH packet. Everything comes from the
// network: lengths are held against what is left, nothing is copied.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ssh2incus {

class PacketReader {
 public:
  explicit PacketReader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  std::optional<bool> boolean() {
    if (rest_.empty()) return std::nullopt;
    const bool value = rest_.front() != 0;
    rest_ = rest_.subspan(1);
    return value;
  }
  std::optional<std::uint32_t> number() {
    if (rest_.size() < 4) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = (value << 8) | rest_[i];
    rest_ = rest_.subspan(4);
    return value;
  }
  std::optional<std::span<const std::uint8_t>> bytes() {
    const auto length = number();
    if (!length || *length > rest_.size()) return std::nullopt;
    const auto value = rest_.first(*length);
    rest_ = rest_.subspan(*length);
    return value;
  }
  std::optional<std::string_view> text() {
    const auto value = bytes();
    if (!value) return std::nullopt;
    return std::string_view(reinterpret_cast<const char*>(value->data()), value->size());
  }
  // Of at most so many bytes, none of them NUL.
  std::optional<std::string_view> text(std::size_t most) {
    const auto value = text();
    const bool is_usable =
        value && value->size() <= most && value->find('\0') == std::string_view::npos;
    return is_usable ? value : std::nullopt;
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace ssh2incus
