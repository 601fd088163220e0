// Strings, byte strings and lists whose greatest size is part of their type, so that decoding can
// refuse a longer one before it allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/check.h"

namespace ssh2incus {

using Bytes = std::vector<std::uint8_t>;

template <typename Container, std::size_t Max>
class Bounded {
 public:
  static constexpr std::size_t kMax = Max;
  using container_type = Container;

  Bounded() = default;
  // The caller has checked the size; a longer value is a bug.
  Bounded(Container value) : value_(std::move(value)) { CHECK(value_.size() <= Max); }  // NOLINT

  [[nodiscard]] const Container& get() const { return value_; }
  [[nodiscard]] std::size_t size() const { return value_.size(); }
  [[nodiscard]] bool empty() const { return value_.empty(); }
  auto begin() const { return value_.begin(); }
  auto end() const { return value_.end(); }
  const Container& operator*() const { return value_; }
  const Container* operator->() const { return &value_; }
  friend bool operator==(const Bounded&, const Bounded&) = default;

 private:
  Container value_;
};

template <std::size_t Max>
using BoundedString = Bounded<std::string, Max>;
template <std::size_t Max>
using BoundedBytes = Bounded<Bytes, Max>;
template <typename T, std::size_t Max>
using BoundedList = Bounded<std::vector<T>, Max>;

// The first Max bytes of a text: for logs and messages, where a cut is better than a refusal.
template <std::size_t Max>
BoundedString<Max> truncated(std::string_view text) {
  return std::string(text.substr(0, Max));
}

}  // namespace ssh2incus
