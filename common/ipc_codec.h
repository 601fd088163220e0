// Encoding of IPC messages: big-endian, every length checked before anything is allocated, enums
// validated, trailing bytes refused. A message is a plain aggregate with a kind and its fields
// listed once:
//
//   struct SignReply {
//     static constexpr auto kKind = SessionMessage::kSignReply;
//     BoundedBytes<64> signature;
//     auto fields() { return std::tie(signature); }
//   };
//
// Both directions are derived from that list; the concept refuses an incomplete one.
// An enum on the wire needs `constexpr bool is_valid(E)` beside it. A message that carries a
// BoundedSecret says `static constexpr bool kSecret = true`: its encoding is wiped after sending.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "common/bounded.h"
#include "common/limits.h"
#include "common/names.h"
#include "common/result.h"
#include "common/secret.h"

namespace ssh2incus::ipc {

namespace detail {

struct AnyField {
  template <typename T>
  operator T() const;  // NOLINT(google-explicit-constructor): only named in unevaluated contexts
};

// How many members an aggregate has, found by how many initialisers it takes.
template <typename T, std::size_t... I>
constexpr bool takes_initialisers(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), AnyField{})...}; };
}

template <typename T, std::size_t N = 24>
constexpr std::size_t member_count() {
  if constexpr (takes_initialisers<T>(std::make_index_sequence<N>())) {
    return N;
  } else {
    static_assert(N > 0);
    return member_count<T, N - 1>();
  }
}

}  // namespace detail

// An aggregate whose fields() names every member.
template <typename T>
concept Fields = std::is_aggregate_v<T> && requires(T value) {
  value.fields();
} && std::tuple_size_v<decltype(std::declval<T&>().fields())>
== detail::member_count<T>();

template <typename T>
concept Message = Fields<T> && requires {
  T::kKind;
};

template <typename T>
concept CarriesSecret = requires {
  T::kSecret;
};

class Writer {
 public:
  Writer() = default;
  // Nothing that was written is left behind by growing, up to that many bytes.
  explicit Writer(std::size_t capacity) { bytes_.reserve(capacity); }

  void put(bool value) { bytes_.push_back(value ? 1 : 0); }
  void put(std::uint8_t value) { bytes_.push_back(value); }
  void put(std::uint16_t value) { put_integer(value); }
  void put(std::uint32_t value) { put_integer(value); }
  void put(std::uint64_t value) { put_integer(value); }

  template <typename E>
  requires std::is_enum_v<E>
  void put(E value) { put(static_cast<std::underlying_type_t<E>>(value)); }

  template <typename C, std::size_t Max>
  void put(const Bounded<C, Max>& value) {
    put(static_cast<std::uint32_t>(value.size()));
    if constexpr (sizeof(typename C::value_type) == 1) {
      bytes_.insert(bytes_.end(), value.begin(), value.end());
    } else {
      for (const auto& element : value) put(element);
    }
  }

  template <std::size_t Max>
  void put(const BoundedSecret<Max>& value) {
    put(static_cast<std::uint32_t>(value->size()));
    bytes_.insert(bytes_.end(), value->bytes().begin(), value->bytes().end());
  }

  template <typename T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }

  template <std::string (*W)(std::string_view), typename Tag>
  void put(const ValidatedName<W, Tag>& name) {
    put(BoundedString<256>(name.str()));
  }

  template <Fields T>
  void put(const T& value) {
    std::apply([this](const auto&... field) { (this->put(field), ...); },
               const_cast<T&>(value).fields());
  }

  Bytes take() { return std::move(bytes_); }

 private:
  template <typename I>
  void put_integer(I value) {
    for (int shift = static_cast<int>(sizeof(I)) * 8 - 8; shift >= 0; shift -= 8) {
      bytes_.push_back(static_cast<std::uint8_t>(value >> shift));
    }
  }
  Bytes bytes_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  bool get(bool& value) {
    std::uint8_t byte = 0;
    if (!get(byte) || byte > 1) return false;
    value = byte == 1;
    return true;
  }
  bool get(std::uint8_t& value) { return get_integer(value); }
  bool get(std::uint16_t& value) { return get_integer(value); }
  bool get(std::uint32_t& value) { return get_integer(value); }
  bool get(std::uint64_t& value) { return get_integer(value); }

  template <typename E>
  requires std::is_enum_v<E>
  bool get(E& value) {
    std::underlying_type_t<E> raw{};
    if (!get(raw)) return false;
    const auto candidate = static_cast<E>(raw);
    if (!is_valid(candidate)) return false;
    value = candidate;
    return true;
  }

  template <typename C, std::size_t Max>
  bool get(Bounded<C, Max>& value) {
    std::uint32_t count = 0;
    if (!get(count) || count > Max) return false;
    if (count > rest_.size()) return false;  // every element takes at least a byte
    C container;
    if constexpr (sizeof(typename C::value_type) == 1) {
      container.assign(rest_.begin(), rest_.begin() + count);
      rest_ = rest_.subspan(count);
    } else {
      for (std::uint32_t i = 0; i < count; ++i) {
        typename C::value_type element{};
        if (!get(element)) return false;
        container.push_back(std::move(element));
      }
    }
    value = Bounded<C, Max>(std::move(container));
    return true;
  }

  template <std::size_t Max>
  bool get(BoundedSecret<Max>& value) {
    std::uint32_t count = 0;
    if (!get(count) || count > Max || count > rest_.size()) return false;
    value = BoundedSecret<Max>(Secret::copy_of(rest_.first(count)));
    rest_ = rest_.subspan(count);
    return true;
  }

  template <typename T>
  bool get(std::optional<T>& value) {
    bool present = false;
    if (!get(present)) return false;
    value.reset();
    if (!present) return true;
    if constexpr (requires { T::parse(std::string_view()); }) {
      BoundedString<256> text;
      if (!get(text)) return false;
      auto parsed = T::parse(*text);
      if (!parsed.ok()) return false;
      value.emplace(std::move(parsed).value());
      return true;
    } else {
      return get(value.emplace());
    }
  }

  template <Fields T>
  bool get(T& value) {
    return std::apply([this](auto&... field) { return (this->get(field) && ...); }, value.fields());
  }

  // True once everything has been read; anything left is a peer's mistake.
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  template <typename I>
  bool get_integer(I& value) {
    if (rest_.size() < sizeof(I)) return false;
    std::uint64_t result = 0;
    for (std::size_t i = 0; i < sizeof(I); ++i) result = (result << 8) | rest_[i];
    value = static_cast<I>(result);
    rest_ = rest_.subspan(sizeof(I));
    return true;
  }
  std::span<const std::uint8_t> rest_;
};

// The message as bytes, its kind first.
template <Message T>
Bytes encode(const T& message) {
  Writer writer(CarriesSecret<T> ? limits::kMaxIpcMessage : 0);
  writer.put(T::kKind);
  writer.put(message);
  return writer.take();
}

// The kind of an encoded message, if it is one of the enum's.
template <typename Kind>
std::optional<Kind> kind_of(std::span<const std::uint8_t> bytes) {
  Reader reader(bytes);
  Kind kind{};
  if (!reader.get(kind)) return std::nullopt;
  return kind;
}

// Decodes a whole message; wrong kind, short, oversized, invalid or trailing bytes are errors.
template <Message T>
Result<T> decode(std::span<const std::uint8_t> bytes) {
  Reader reader(bytes);
  std::remove_cv_t<decltype(T::kKind)> kind{};
  T message{};
  if (!reader.get(kind) || kind != T::kKind) return fail("unexpected message kind");
  if (!reader.get(message)) return fail("malformed message");
  if (!reader.at_end()) return fail("trailing bytes after message");
  return message;
}

// The same for a struct that is no message of its own (a grant, a reply at a file's end).
template <Fields T>
Bytes encode_fields(const T& value) {
  Writer writer;
  writer.put(value);
  return writer.take();
}

template <Fields T>
Result<T> decode_fields(std::span<const std::uint8_t> bytes) {
  Reader reader(bytes);
  T value{};
  if (!reader.get(value)) return fail("malformed structure");
  if (!reader.at_end()) return fail("trailing bytes after structure");
  return value;
}

}  // namespace ssh2incus::ipc
