// Frames as Incus sends them and as it never should; the hello in every way of cutting it up.
#include "gateway/websocket_frames.h"

#include <gtest/gtest.h>

#include "tests/unit/gateway/fake_incus.h"

namespace ssh2incus {
namespace {

using test::encoded_hello;
using test::server_frame;

// Feeds bytes in steps of at most step; the frames, or the error.
Result<std::vector<WebsocketFrame>> read_all(const Bytes& bytes, std::size_t step = 1000) {
  FrameReader reader(1024);
  std::vector<WebsocketFrame> frames;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t size = std::min({step, reader.wanted(), bytes.size() - at});
    auto frame = TRY(reader.take(std::span(bytes).subspan(at, size)));
    if (frame) frames.push_back(std::move(*frame));
    at += size;
  }
  return frames;
}

TEST(WebsocketFrames, EncodesEachLengthOfAClientFrame) {
  EXPECT_EQ(encode_frame(Opcode::kBinary, Bytes{7}), (Bytes{0x82, 0x81, 0, 0, 0, 0, 7}));
  const Bytes medium = encode_frame(Opcode::kBinary, Bytes(126));
  EXPECT_EQ((Bytes{medium.begin(), medium.begin() + 4}), (Bytes{0x82, 0xfe, 0, 126}));
  EXPECT_EQ(medium.size(), 8U + 126U);
  const Bytes large = encode_frame(Opcode::kBinary, Bytes(65536));
  EXPECT_EQ((Bytes{large.begin(), large.begin() + 10}),
            (Bytes{0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0}));
}

TEST(WebsocketFrames, ReadsFramesHoweverTheyArrive) {
  Bytes bytes = server_frame(0x82, {1, 2, 3});
  const Bytes longer = server_frame(0x82, Bytes(300, 9));
  bytes.insert(bytes.end(), longer.begin(), longer.end());
  const Bytes text = server_frame(0x81, {});
  bytes.insert(bytes.end(), text.begin(), text.end());
  for (const std::size_t step : {1UL, 2UL, 3UL, 7UL, 1000UL}) {
    const auto frames = read_all(bytes, step);
    ASSERT_TRUE(frames.ok());
    ASSERT_EQ(frames->size(), 3U);
    EXPECT_EQ((*frames)[0].payload, (Bytes{1, 2, 3}));
    EXPECT_EQ((*frames)[1].payload.size(), 300U);
    EXPECT_EQ((*frames)[2].opcode, Opcode::kText);
  }
}

TEST(WebsocketFrames, NeverWantsMoreThanThePresentFrame) {
  FrameReader reader(1024);
  EXPECT_EQ(reader.wanted(), 2U);
  ASSERT_TRUE(reader.take(Bytes{0x82, 5}).ok());
  EXPECT_EQ(reader.wanted(), 5U);
  ASSERT_TRUE(reader.take(Bytes{1, 2}).ok());
  EXPECT_EQ(reader.wanted(), 3U);
}

TEST(WebsocketFrames, RefusesWhatNoServerMaySend) {
  const Bytes cases[] = {
      {0xc2, 0},                               // reserved bit
      {0x83, 0},                               // unknown data frame
      {0x8b, 0},                               // unknown control frame
      {0x82, 0x81, 0, 0, 0, 0, 7},             // masked
      {0x09, 0},                               // fragmented ping
      {0x89, 126, 0, 126},                     // long ping
      {0x82, 126, 0x04, 0x01},                 // longer than allowed
      {0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 1},  // absurd length
  };
  for (const Bytes& bytes : cases) EXPECT_FALSE(read_all(bytes).ok());
}

GuestHello ready() {
  GuestHello hello;
  hello.outcome = GuestOutcome::kReady;
  hello.uid = 1000;
  return hello;
}

TEST(HelloReader, TakesAHelloInOneFrameOrInPieces) {
  const Bytes bytes = encoded_hello(ready());
  HelloReader whole;
  const auto hello = whole.take({Opcode::kBinary, true, bytes});
  ASSERT_TRUE(hello.ok() && *hello);
  EXPECT_EQ((**hello).uid, 1000U);

  HelloReader pieces;
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
    const auto nothing = pieces.take({Opcode::kBinary, true, {bytes[i]}});
    ASSERT_TRUE(nothing.ok() && !*nothing);
  }
  const auto last = pieces.take({Opcode::kBinary, true, {bytes.back()}});
  EXPECT_TRUE(last.ok() && *last);
}

TEST(HelloReader, WaitsForTheEndOfAFragmentedMessage) {
  HelloReader reader;
  const auto first = reader.take({Opcode::kBinary, false, encoded_hello(ready())});
  ASSERT_TRUE(first.ok() && !*first);
  EXPECT_TRUE(reader.take({Opcode::kPing, true, {}}).ok());
  const auto last = reader.take({Opcode::kContinuation, true, {}});
  EXPECT_TRUE(last.ok() && *last);
}

TEST(HelloReader, TellsTheEndOfTheStream) {
  HelloReader text;
  ASSERT_TRUE(text.take({Opcode::kText, true, {}}).ok());
  EXPECT_TRUE(text.ended());
  HelloReader close;
  ASSERT_TRUE(close.take({Opcode::kClose, true, {}}).ok());
  EXPECT_TRUE(close.ended());
}

TEST(HelloReader, RefusesEverythingElse) {
  Bytes more = encoded_hello(ready());
  more.push_back(0);
  GuestHello newer = ready();
  newer.version = kGuestProtocolVersion + 1;
  const WebsocketFrame cases[] = {
      {Opcode::kBinary, true, more},
      {Opcode::kBinary, true, encoded_hello(newer)},
      {Opcode::kBinary, true, {0xff, 0xff, 0xff, 0xff}},
      {Opcode::kBinary, true, {0, 0, 0, 1, 0}},
      {Opcode::kBinary, true, Bytes(HelloReader::kMaxHello + 1)},
      {Opcode::kContinuation, true, encoded_hello(ready())},
      {Opcode::kText, true, {'x'}},
  };
  for (const WebsocketFrame& frame : cases) EXPECT_FALSE(HelloReader().take(frame).ok());
}

}  // namespace
}  // namespace ssh2incus
