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

TEST(ListenerMessages, AreEight) {
  unsigned valid = 0;
  for (unsigned raw = 0; raw < 256; ++raw)
    valid += is_valid(static_cast<ListenerMessage>(raw)) ? 1U : 0U;
  EXPECT_EQ(valid, 8U);
  EXPECT_TRUE(is_valid(EndNotice::kKind) && is_valid(SourceReply::kKind));
}

// The last byte of a message is an enum: only these values of it are taken.
template <typename Message>
unsigned accepted_endings(Message message) {
  Bytes bytes = ipc::encode(message);
  unsigned accepted = 0;
  for (unsigned raw = 0; raw < 256; ++raw) {
    bytes.back() = static_cast<std::uint8_t>(raw);
    accepted += ipc::decode<Message>(bytes).ok() ? 1U : 0U;
  }
  bytes.push_back(0);
  EXPECT_FALSE(ipc::decode<Message>(bytes).ok());
  return accepted;
}

TEST(ListenerMessages, HaveNoValuesButTheirOwn) {
  EXPECT_EQ(accepted_endings(AttemptNotice{AuthMethod::kNone, LoginResult::kFailed}), 3U);
  EXPECT_EQ(accepted_endings(SourceReply{SourceVerdict::kAdmitted}), 3U);
  EXPECT_EQ(accepted_endings(EndNotice{ConnectionEnd::kRefused}), 9U);
}

TEST(ListenerMessages, TellAnAddressOfSixteenBytesAtMost) {
  for (std::size_t size = 0; size <= 17; ++size) {
    Bytes bytes = {static_cast<std::uint8_t>(SourceRequest::kKind), 0, 0, 0,
                   static_cast<std::uint8_t>(size)};
    bytes.resize(bytes.size() + size, 7);
    EXPECT_EQ(ipc::decode<SourceRequest>(bytes).ok(), size <= 16) << size;
    bytes.push_back(0);
    EXPECT_FALSE(ipc::decode<SourceRequest>(bytes).ok()) << size;
  }
}

}  // namespace
}  // namespace ssh2incus
