// What monitors tell the listener: whole, in one form and within its bounds, or not at all.
#include "monitor/ipc_listener.h"

#include <gtest/gtest.h>

#include <span>
#include <string>

namespace ssh2incus {
namespace {

// kind, length, text: as a monitor that has been taken over could write it.
Bytes written(std::uint8_t kind, std::uint32_t length, const std::string& text) {
  Bytes bytes = {kind, static_cast<std::uint8_t>(length >> 24),
                 static_cast<std::uint8_t>(length >> 16), static_cast<std::uint8_t>(length >> 8),
                 static_cast<std::uint8_t>(length)};
  bytes.insert(bytes.end(), text.begin(), text.end());
  return bytes;
}

template <typename Notice>
class ListenerNotice : public testing::Test {
 protected:
  static constexpr auto kKind = static_cast<std::uint8_t>(Notice::kKind);
  static bool accepted(std::span<const std::uint8_t> bytes) {
    return ipc::decode<Notice>(bytes).ok();
  }
};
using Notices = testing::Types<LoggedInNotice, FailureNotice>;
TYPED_TEST_SUITE(ListenerNotice, Notices);

TYPED_TEST(ListenerNotice, CarriesAnyNameThatFits) {
  for (const std::string& name : {std::string(), std::string("alice"), std::string("\0\n\xff", 3),
                                  std::string(limits::kMaxUserName, 'x')}) {
    const Bytes bytes = ipc::encode(TypeParam{name});
    EXPECT_EQ(bytes, written(this->kKind, static_cast<std::uint32_t>(name.size()), name));
    EXPECT_LE(bytes.size(), limits::kMaxIpcMessage);
    const auto again = ipc::decode<TypeParam>(bytes);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(*again->user, name);
  }
}

TYPED_TEST(ListenerNotice, IsRefusedWhenItIsCutOrGoesOn) {
  const Bytes bytes = ipc::encode(TypeParam{std::string("alice")});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(this->accepted(std::span(bytes).first(size))) << size;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(this->accepted(longer));
}

TYPED_TEST(ListenerNotice, IsRefusedBeyondItsBounds) {
  const std::string name(limits::kMaxUserName + 1, 'x');
  EXPECT_FALSE(this->accepted(written(this->kKind, static_cast<std::uint32_t>(name.size()), name)));
  EXPECT_FALSE(this->accepted(written(this->kKind, 0xffffffff, "x")));
}

TYPED_TEST(ListenerNotice, IsOfItsKindOnly) {
  Bytes bytes = ipc::encode(TypeParam{std::string("alice")});
  for (unsigned raw = 0; raw < 256; ++raw) {
    bytes[0] = static_cast<std::uint8_t>(raw);
    EXPECT_EQ(this->accepted(bytes), raw == this->kKind) << raw;
  }
}

TEST(ListenerMessages, AreTwo) {
  for (unsigned raw = 0; raw < 256; ++raw) {
    const auto kind = static_cast<ListenerMessage>(raw);
    EXPECT_EQ(is_valid(kind), kind == LoggedInNotice::kKind || kind == FailureNotice::kKind);
  }
  EXPECT_NE(LoggedInNotice::kKind, FailureNotice::kKind);
}

}  // namespace
}  // namespace ssh2incus
