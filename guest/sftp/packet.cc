// See packet.h.
#include "guest/sftp/packet.h"

namespace ssh2incus::guest::sftp {

std::span<const std::uint8_t> PacketReader::take(std::size_t count) {
  if (failed_ || count > rest_.size()) {
    failed_ = true;
    return {};
  }
  const auto taken = rest_.first(count);
  rest_ = rest_.subspan(count);
  return taken;
}

std::uint64_t PacketReader::number(std::size_t bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : take(bytes)) value = (value << 8) | byte;
  return value;
}

std::uint8_t PacketReader::byte() { return static_cast<std::uint8_t>(number(1)); }
std::uint32_t PacketReader::u32() { return static_cast<std::uint32_t>(number(4)); }
std::uint64_t PacketReader::u64() { return number(8); }

std::span<const std::uint8_t> PacketReader::data() { return take(u32()); }

std::string_view PacketReader::text() {
  const auto bytes = data();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string PacketReader::name() {
  const auto value = text();
  if (value.find('\0') != std::string_view::npos) failed_ = true;
  return failed_ ? std::string() : std::string(value);
}

Attributes PacketReader::attributes() {
  Attributes attributes;
  const std::uint32_t flags = u32();
  if ((flags & kHasSize) != 0) attributes.size = u64();
  if ((flags & kHasOwner) != 0) {
    auto& owner = attributes.owner.emplace();
    owner.uid = u32();
    owner.gid = u32();
  }
  if ((flags & kHasPermissions) != 0) attributes.permissions = u32();
  if ((flags & kHasTimes) != 0) {
    auto& times = attributes.times.emplace();
    times.access = u32();
    times.modification = u32();
  }
  if ((flags & kHasExtended) != 0) {
    // Pairs that nobody has defined; the loop ends with the packet.
    for (std::uint32_t count = u32(); count > 0 && !failed_; --count) {
      data();
      data();
    }
  }
  return attributes;
}

PacketWriter::PacketWriter(PacketType type) : bytes_(5) {
  bytes_[4] = static_cast<std::uint8_t>(type);
}

PacketWriter& PacketWriter::u32(std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes_.push_back(static_cast<std::uint8_t>(value >> shift));
  }
  return *this;
}

PacketWriter& PacketWriter::u64(std::uint64_t value) {
  return u32(static_cast<std::uint32_t>(value >> 32)).u32(static_cast<std::uint32_t>(value));
}

PacketWriter& PacketWriter::text(std::string_view value) {
  u32(static_cast<std::uint32_t>(value.size()));
  bytes_.insert(bytes_.end(), value.begin(), value.end());
  return *this;
}

PacketWriter& PacketWriter::attributes(const Attributes& value) {
  u32((value.size ? kHasSize : 0) | (value.owner ? kHasOwner : 0) |
      (value.permissions ? kHasPermissions : 0) | (value.times ? kHasTimes : 0));
  if (value.size) u64(*value.size);
  if (value.owner) u32(value.owner->uid).u32(value.owner->gid);
  if (value.permissions) u32(*value.permissions);
  if (value.times) u32(value.times->access).u32(value.times->modification);
  return *this;
}

void PacketWriter::append(const PacketWriter& piece) {
  bytes_.insert(bytes_.end(), piece.bytes_.begin(), piece.bytes_.end());
}

std::string_view PacketWriter::content() const {
  return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
}

const Bytes& PacketWriter::finish() {
  store_u32(bytes_.data(), static_cast<std::uint32_t>(bytes_.size() - 4));
  return bytes_;
}

void store_u32(std::uint8_t* place, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) place[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

}  // namespace ssh2incus::guest::sftp
