// The IPC codec, for every message there is: what is encoded is decoded, and nothing else is.
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/common/all_messages.h"

namespace ssh2incus::ipc {
namespace {

// Gives every field of a value something to carry.
void fill(bool& value) { value = true; }
template <typename T>
requires std::is_integral_v<T>
void fill(T& value) { value = static_cast<T>(0x0102030405060708ULL); }
template <typename E>
requires std::is_enum_v<E>
void fill(E& value) {
  for (unsigned raw = 0; raw < 256; ++raw) {
    if (is_valid(static_cast<E>(raw))) value = static_cast<E>(raw);
  }
}
template <Fields T>
void fill(T& value);
template <std::size_t Max>
void fill(BoundedSecret<Max>& value) {
  value = BoundedSecret<Max>(Secret::copy_of(Bytes{'x', 'y'}));
}
template <typename C, std::size_t Max>
void fill(Bounded<C, Max>& value) {
  C container;
  container.resize(Max < 3 ? Max : 3);
  if constexpr (sizeof(typename C::value_type) == 1) {
    container[0] = 'x';
  } else {
    for (auto& element : container) fill(element);
  }
  value = std::move(container);
}
template <typename T>
void fill(std::optional<T>& value) {
  fill(value.emplace());
}
template <Fields T>
void fill(T& value) {
  std::apply([](auto&... field) { (fill(field), ...); }, value.fields());
}

template <typename T>
Bytes encoded(const T& value) {
  if constexpr (Message<T>)
    return encode(value);
  else
    return encode_fields(value);
}
template <typename T>
Result<T> decoded(std::span<const std::uint8_t> bytes) {
  if constexpr (Message<T>)
    return decode<T>(bytes);
  else
    return decode_fields<T>(bytes);
}

template <typename T>
void check_value(const T& value) {
  const Bytes bytes = encoded(value);
  EXPECT_LE(bytes.size(), limits::kMaxIpcMessage);
  const auto again = decoded<T>(bytes);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(encoded(*again), bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decoded<T>(std::span(bytes).first(size)).ok()) << size << " of " << bytes.size();
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(decoded<T>(longer).ok());
}

template <typename List>
void check_all() {
  test::for_each_type<List>([](auto value) {
    SCOPED_TRACE(__PRETTY_FUNCTION__);
    fill(value);
    check_value(value);
  });
}

TEST(Codec, CarriesEveryMessageWholeOrNotAtAll) {
  check_all<test::SessionMessages>();
  check_all<test::GatewayMessages>();
  check_all<test::GuestStructures>();
}

template <typename List, typename Kind>
void check_kinds() {
  std::set<Kind> kinds;
  test::for_each_type<List>([&](auto value) {
    constexpr auto kKind = decltype(value)::kKind;
    EXPECT_TRUE(is_valid(kKind));
    EXPECT_TRUE(kinds.insert(kKind).second) << "two messages of one kind";
    fill(value);
    Bytes bytes = encode(value);
    EXPECT_EQ(kind_of<Kind>(bytes), kKind);
    for (unsigned raw = 0; raw < 256; ++raw) {
      bytes[0] = static_cast<std::uint8_t>(raw);
      EXPECT_EQ(decode<decltype(value)>(bytes).ok(), raw == static_cast<unsigned>(kKind));
      EXPECT_EQ(kind_of<Kind>(bytes).has_value(), is_valid(static_cast<Kind>(raw)));
    }
  });
  for (unsigned raw = 0; raw < 256; ++raw) {
    EXPECT_EQ(is_valid(static_cast<Kind>(raw)), kinds.contains(static_cast<Kind>(raw))) << raw;
  }
  EXPECT_FALSE(kind_of<Kind>({}));
}

TEST(Codec, HasOneMessagePerKind) {
  check_kinds<test::SessionMessages, SessionMessage>();
  check_kinds<test::GatewayMessages, GatewayMessage>();
}

struct Small {
  bool flag = false;
  AuthOutcome outcome = AuthOutcome::kFailure;
  BoundedString<4> text;
  BoundedList<BoundedString<2>, 3> list;
  std::optional<std::uint16_t> number;
  auto fields() { return std::tie(flag, outcome, text, list, number); }
};
static_assert(Fields<Small>);

struct Incomplete {
  bool listed = false;
  bool forgotten = false;
  auto fields() { return std::tie(listed); }
};
static_assert(!Fields<Incomplete>);

TEST(Codec, HasOneFormPerValue) {
  const Bytes good = {1, 3, 0, 0, 0, 1, 'a', 0, 0, 0, 1, 0, 0, 0, 1, 'b', 1, 1, 2};
  const auto value = decode_fields<Small>(good);
  ASSERT_TRUE(value.ok());
  EXPECT_TRUE(value->flag);
  EXPECT_EQ(*value->text, "a");
  EXPECT_EQ(value->list.size(), 1U);
  EXPECT_EQ(value->number, 0x0102);
  EXPECT_EQ(encode_fields(*value), good);
}

TEST(Codec, RefusesWhatIsOutOfRange) {
  struct Row {
    const char* what;
    Bytes bytes;
  };
  const Row rows[] = {
      {"bool of 2", {2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
      {"enum of 0", {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
      {"enum beyond the last", {0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
      {"string too long", {0, 1, 0, 0, 0, 5, 'a', 'b', 'c', 'd', 'e', 0, 0, 0, 0, 0}},
      {"string longer than the message", {0, 1, 0, 0, 0, 4, 'a'}},
      {"string of 2^32-1", {0, 1, 0xff, 0xff, 0xff, 0xff}},
      {"list too long",
       {0, 1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
      {"list element too long", {0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 'a', 'b', 'c', 0}},
      {"optional of 2", {0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0}},
      {"optional without value", {0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}},
      {"trailing byte", {0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
  };
  for (const Row& row : rows) EXPECT_FALSE(decode_fields<Small>(row.bytes).ok()) << row.what;
  EXPECT_TRUE(decode_fields<Small>(Bytes{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}).ok());
}

TEST(Codec, LeavesNoSecretBehindByGrowing) {
  static_assert(CarriesSecret<PasswordAuthRequest> && CarriesSecret<InteractiveAnswersRequest>);
  const Bytes bytes = encode(PasswordAuthRequest{
      BoundedSecret<limits::kMaxAnswer>(Secret::copy_of(Bytes(limits::kMaxAnswer, 'x')))});
  EXPECT_EQ(bytes.capacity(), limits::kMaxIpcMessage);
}

TEST(Codec, BoundsSecrets) {
  Bytes bytes = encode(PasswordAuthRequest{
      BoundedSecret<limits::kMaxAnswer>(Secret::copy_of(Bytes(limits::kMaxAnswer, 'x')))});
  EXPECT_TRUE(decode<PasswordAuthRequest>(bytes).ok());
  bytes.push_back('x');
  ++bytes[4];  // the length's last byte
  EXPECT_FALSE(decode<PasswordAuthRequest>(bytes).ok());
}

struct Named {
  std::optional<InstanceName> name;
  auto fields() { return std::tie(name); }
};

TEST(Codec, ValidatesNames) {
  EXPECT_TRUE(decode_fields<Named>(Bytes{1, 0, 0, 0, 2, 'c', '1'}).ok());
  EXPECT_FALSE(decode_fields<Named>(Bytes{1, 0, 0, 0, 2, '1', 'c'}).ok());
  EXPECT_FALSE(decode_fields<Named>(Bytes{1, 0, 0, 0, 0}).ok());
}

}  // namespace
}  // namespace ssh2incus::ipc
