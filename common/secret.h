// Secret: bytes that are wiped when released; not copyable, not printable. BoundedSecret: one whose
// greatest size is part of its type, for messages (common/ipc_codec.h wipes what it encodes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "common/check.h"

namespace ssh2incus {

inline void wipe(std::vector<std::uint8_t>& bytes) {
  if (!bytes.empty()) explicit_bzero(bytes.data(), bytes.size());
}

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)) {}
  // Room to be filled through writable(), so that no copy exists elsewhere.
  static Secret with_size(std::size_t size) { return Secret(std::vector<std::uint8_t>(size)); }
  static Secret copy_of(std::span<const std::uint8_t> bytes) {
    return Secret(std::vector<std::uint8_t>(bytes.begin(), bytes.end()));
  }
  Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      bytes_.swap(other.bytes_);
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(); }

  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return bytes_; }
  [[nodiscard]] std::span<std::uint8_t> writable() { return bytes_; }
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  // Forgets all but the first size bytes.
  void shrink(std::size_t size) {
    if (size >= bytes_.size()) return;
    explicit_bzero(bytes_.data() + size, bytes_.size() - size);
    bytes_.resize(size);
  }
  void wipe() {
    if (!bytes_.empty()) explicit_bzero(bytes_.data(), bytes_.size());
    bytes_.clear();
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

template <std::size_t Max>
class BoundedSecret {
 public:
  static constexpr std::size_t kMax = Max;
  BoundedSecret() = default;
  // The caller has checked the size; a longer value is a bug.
  explicit BoundedSecret(Secret secret) : secret_(std::move(secret)) {
    CHECK(secret_.size() <= Max);
  }
  [[nodiscard]] const Secret& get() const { return secret_; }
  const Secret& operator*() const { return secret_; }
  const Secret* operator->() const { return &secret_; }

 private:
  Secret secret_;
};

}  // namespace ssh2incus
