// Reading and writing the data types of RFC 4251 §5. Fed by key blobs, certificates and signatures
// of clients, and by revocation lists.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/bounded.h"

namespace ssh2incus {

using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class WireReader {
 public:
  explicit WireReader(ByteView bytes) : rest_(bytes) {}

  std::optional<std::uint8_t> byte();
  std::optional<std::uint32_t> number();
  std::optional<std::uint64_t> long_number();
  // A string or mpint: its bytes, within what was given to the reader.
  std::optional<ByteView> string();
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

 private:
  ByteView rest_;
};

void append_wire_number(Bytes& out, std::uint32_t number);
void append_wire_long_number(Bytes& out, std::uint64_t number);
void append_wire_string(Bytes& out, ByteView bytes);
inline void append_wire_string(Bytes& out, std::string_view text) {
  append_wire_string(out, as_bytes(text));
}

}  // namespace ssh2incus
