// The opening handshake: RFC 6455's own example, and replies that aren't what was asked for.
#include "gateway/websocket_handshake.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";  // RFC 6455 section 1.3
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

std::string reply(std::string_view status = "HTTP/1.1 101 Switching Protocols",
                  std::string_view accept = kAccept, std::string_view more = "") {
  return std::string(status) +
         "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
         std::string(accept) + "\r\n" + std::string(more) + "\r\n";
}

TEST(WebsocketHandshake, ComputesTheAcceptValueOfTheRfc) {
  EXPECT_EQ(websocket_accept(kKey), kAccept);
}

TEST(WebsocketHandshake, MakesKeysOfSixteenRandomBytes) {
  EXPECT_EQ(new_websocket_key().size(), 24U);
  EXPECT_NE(new_websocket_key(), new_websocket_key());
}

TEST(WebsocketHandshake, AsksForOneUpgradeWithoutExtensions) {
  const std::string request = upgrade_request("/1.0/x?secret=ab", kKey);
  EXPECT_TRUE(request.starts_with("GET /1.0/x?secret=ab HTTP/1.1\r\n"));
  EXPECT_TRUE(request.ends_with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
  EXPECT_EQ(request.find("Extensions"), std::string::npos);
}

TEST(WebsocketHandshake, FindsTheEndOfTheReplyAndNotWhatFollows) {
  EXPECT_FALSE(end_of_reply("HTTP/1.1 101 x\r\nA: b\r\n"));
  EXPECT_EQ(end_of_reply("HTTP/1.1 101 x\r\n\r\n\x82\x01x"), 18U);
}

TEST(WebsocketHandshake, AcceptsProperReplies) {
  EXPECT_TRUE(check_upgrade_reply(reply(), kKey).ok());
  EXPECT_TRUE(check_upgrade_reply(reply("HTTP/1.1 101"), kKey).ok());
  EXPECT_TRUE(check_upgrade_reply("HTTP/1.1 101 X\r\nUPGRADE:WebSocket\r\nconnection: keep-alive, "
                                  "UPGRADE \r\nsec-websocket-accept:\t" +
                                      std::string(kAccept) + "\r\n\r\n",
                                  kKey)
                  .ok());
}

TEST(WebsocketHandshake, RefusesOtherReplies) {
  const std::string ok = "HTTP/1.1 101 Switching Protocols";
  const std::string cases[] = {
      "",
      "\r\n\r\n",
      reply("HTTP/1.1 200 OK"),
      reply("HTTP/1.0 101 Switching Protocols"),
      reply("HTTP/1.1 1010 Switching"),
      reply("HTTP/1.1 400 Bad Request"),
      reply(ok, "s3pPLMBiTxaQ9kYGzzhZRbK+xOp="),
      reply(ok, ""),
      reply(ok, kAccept, "Sec-WebSocket-Extensions: permessage-deflate\r\n"),
      reply(ok, kAccept, "Sec-WebSocket-Protocol: chat\r\n"),
      reply(ok, kAccept, "Upgrade: websocket\r\n"),
      reply(ok, kAccept, "no colon\r\n"),
      reply(ok, kAccept, ": no name\r\n"),
      ok + "\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + std::string(kAccept) + "\r\n\r\n",
      ok + "\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
          std::string(kAccept) + "\r\n\r\n",
  };
  for (const std::string& text : cases) {
    EXPECT_FALSE(check_upgrade_reply(text, kKey).ok()) << text;
  }
}

TEST(WebsocketHandshake, EscapesTheStatusLineInItsError) {
  const auto status = check_upgrade_reply("HTTP/1.1 500 \x1b[31m\r\n\r\n", kKey);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace ssh2incus
