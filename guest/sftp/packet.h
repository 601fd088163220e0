// Taking packets apart and putting them together: pure, fed by the client. A reader that has run
// past the end, or met a name with a NUL byte, has failed for good and gives zeros.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/bounded.h"
#include "guest/sftp/attributes.h"
#include "guest/sftp/protocol.h"

namespace ssh2incus::guest::sftp {

class PacketReader {
 public:
  explicit PacketReader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  std::uint8_t byte();
  std::uint32_t u32();
  std::uint64_t u64();
  std::span<const std::uint8_t> data();
  std::string_view text();  // any bytes
  std::string name();       // any bytes but NUL
  Attributes attributes();
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::span<const std::uint8_t> take(std::size_t count);
  std::uint64_t number(std::size_t bytes);

  std::span<const std::uint8_t> rest_;
  bool failed_ = false;
};

class PacketWriter {
 public:
  explicit PacketWriter(PacketType type);
  // A piece of a packet.
  PacketWriter() = default;

  PacketWriter& u32(std::uint32_t value);
  PacketWriter& u64(std::uint64_t value);
  PacketWriter& text(std::string_view value);
  PacketWriter& attributes(const Attributes& value);
  void append(const PacketWriter& piece);
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::string_view content() const;
  // With its length in front, if it is a packet.
  const Bytes& finish();

 private:
  Bytes bytes_;
};

// Big-endian, into four bytes.
void store_u32(std::uint8_t* place, std::uint32_t value);

}  // namespace ssh2incus::guest::sftp
