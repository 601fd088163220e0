// Framing alone: what we send is what RFC 6455 asks of a client, what we read may come in any
// piece.
#include "sessiond/websocket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/sessiond_link/fake_incus.h"

namespace ssh2incus::test {
namespace {

std::unique_ptr<Websocket> make() { return std::move(Websocket::create()).value(); }

TEST(WebsocketEncoding, IsMaskedAndMinimalAtEveryLength) {
  for (const std::size_t size :
       {1UL, 125UL, 126UL, 65535UL, 65536UL, 131072UL, 131073UL, 400000UL}) {
    auto websocket = make();
    Bytes payload(size);
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<std::uint8_t>(i * 7);
    websocket->encode(payload);
    ClientFrames peer;
    EXPECT_EQ(peer.take(websocket->output().data(), websocket->output().size()), payload);
    EXPECT_FALSE(peer.broken) << size;
    EXPECT_TRUE(peer.unread.empty());
  }
}

TEST(WebsocketEncoding, SendsNothingForNothing) {
  auto websocket = make();
  websocket->encode({});
  EXPECT_TRUE(websocket->output().empty());
}

TEST(WebsocketDecoding, DoesNotDependOnPieces) {
  Bytes bytes;
  for (const std::size_t size : {5UL, 125UL, 300UL, 70000UL}) {
    const auto frame = server_frame(kBinary, Bytes(size, static_cast<std::uint8_t>(size)));
    bytes.insert(bytes.end(), frame.begin(), frame.end());
  }
  const auto end = server_frame(kText, {});
  bytes.insert(bytes.end(), end.begin(), end.end());
  for (const std::size_t piece : {1UL, 3UL, 4096UL, bytes.size()}) {
    auto websocket = make();
    WebsocketInput input;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      const auto part = std::span(bytes).subspan(at, std::min(piece, bytes.size() - at));
      ASSERT_TRUE(websocket->decode(part, input).ok());
    }
    EXPECT_EQ(input.data.size(), 5U + 125U + 300U + 70000U);
    EXPECT_TRUE(input.end_of_stream);
    EXPECT_FALSE(input.closed);
  }
}

TEST(WebsocketDecoding, AnswersPingsWithTheirPayloadAndCloses) {
  auto websocket = make();
  WebsocketInput input;
  ASSERT_TRUE(websocket->decode(server_frame(kPing, {'a', 'b'}), input).ok());
  EXPECT_EQ(websocket->output(), (Bytes{0x8a, 0x82, 0, 0, 0, 0, 'a', 'b'}));
  ASSERT_TRUE(websocket->decode(server_frame(kClose, {}), input).ok());
  EXPECT_TRUE(input.closed);
  EXPECT_EQ(websocket->output().size(), 8U + 6U);
  EXPECT_FALSE(websocket->decode(server_frame(kBinary, {1}), input).ok());
}

}  // namespace
}  // namespace ssh2incus::test
