// The parsers of what the network sends.
#include <gtest/gtest.h>

#include "sessiond/auth_request.h"
#include "sessiond/channel_request.h"
#include "sessiond/forward_request.h"

namespace ssh2incus {
namespace {

void put(Bytes& out, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(number >> shift));
}
void put(Bytes& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
}
template <typename... Parts>
Bytes packed(const Parts&... parts) {
  Bytes out;
  (put(out, parts), ...);
  return out;
}
Bytes auth(std::string_view method, bool signed_request, std::string_view rest_fields_of_key) {
  Bytes out = packed(std::string_view("user"), std::string_view("ssh-connection"), method);
  out.push_back(signed_request ? 1 : 0);
  put(out, std::string_view("ssh-ed25519"));
  put(out, rest_fields_of_key);
  return out;
}

TEST(AuthRequest, SeparatesQueriesFromSignatures) {
  const auto query = parse_auth_request(auth("publickey", false, "blob"));
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(query->user, "user");
  EXPECT_FALSE(query->public_key->signature);
  Bytes bytes = auth("publickey", true, "blob");
  EXPECT_FALSE(parse_auth_request(bytes).ok());  // no signature follows
  put(bytes, std::string_view("signature"));
  const auto signed_request = parse_auth_request(bytes);
  ASSERT_TRUE(signed_request.ok());
  EXPECT_EQ(signed_request->public_key->signature->size(), 9U);
  bytes.push_back(0);
  EXPECT_FALSE(parse_auth_request(bytes).ok());
}

TEST(AuthRequest, KeepsTheHostKeyOfTheBoundMethod) {
  Bytes bytes = auth("publickey-hostbound-v00@openssh.com", false, "blob");
  EXPECT_FALSE(parse_auth_request(bytes).ok());
  put(bytes, std::string_view("host key"));
  const auto request = parse_auth_request(bytes);
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->public_key->host_key_blob->size(), 8U);
}

TEST(AuthRequest, HasNoKeyThatIsOutOfBounds) {
  const auto request =
      parse_auth_request(auth("publickey", false, std::string(limits::kMaxPublicKeyBlob + 1, 'k')));
  ASSERT_TRUE(request.ok());
  EXPECT_FALSE(request->public_key);
}

TEST(AuthRequest, KeepsEveryByteOfTheUserName) {
  const std::string user("a\0b", 3);
  const auto request = parse_auth_request(
      packed(std::string_view(user), std::string_view("ssh-connection"), std::string_view("none")));
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->user, user);
}

Bytes begun(std::string_view method) {
  return packed(std::string_view("user"), std::string_view("ssh-connection"), method);
}

TEST(AuthRequest, TakesAPasswordButNoChangeOfIt) {
  Bytes plain = begun("password");
  plain.push_back(0);
  EXPECT_FALSE(parse_auth_request(plain).ok());
  put(plain, std::string_view("se\0cret", 7));
  const auto request = parse_auth_request(plain);
  ASSERT_TRUE(request.ok());
  EXPECT_FALSE(request->password->change);
  EXPECT_EQ(request->password->password->text(), std::string_view("se\0cret", 7));
  plain.push_back(0);
  EXPECT_FALSE(parse_auth_request(plain).ok());
  Bytes change = begun("password");
  change.push_back(1);
  put(change, std::string_view("old"));
  EXPECT_FALSE(parse_auth_request(change).ok());
  put(change, std::string_view("new"));
  const auto changing = parse_auth_request(change);
  ASSERT_TRUE(changing.ok());
  EXPECT_TRUE(changing->password->change);
  EXPECT_TRUE(changing->password->password->empty());
}

TEST(AuthRequest, KnowsWhichSubmethodsTheClientTakes) {
  for (const auto& [hints, pam] : std::vector<std::pair<std::string_view, bool>>{
           {"", true}, {"pam", true}, {"skey,pam", true}, {"skey", false}, {"pamela", false}}) {
    Bytes bytes = begun("keyboard-interactive");
    put(bytes, std::string_view());
    EXPECT_FALSE(parse_auth_request(bytes).ok());
    put(bytes, hints);
    const auto request = parse_auth_request(bytes);
    ASSERT_TRUE(request.ok());
    EXPECT_EQ(request->interactive->by_pam, pam) << hints;
  }
}

TEST(AuthRequest, TakesABoundedNumberOfAnswers) {
  const auto none = parse_interactive_answers(packed(0U));
  ASSERT_TRUE(none.ok() && none->has_value());
  EXPECT_EQ((*none)->size(), 0U);
  const auto two = parse_interactive_answers(packed(2U, std::string_view("a"), std::string_view()));
  ASSERT_TRUE(two.ok() && two->has_value());
  EXPECT_EQ((*two)->begin()->get().text(), "a");
  EXPECT_FALSE(parse_interactive_answers(packed(2U, std::string_view("a"))).ok());
  EXPECT_FALSE(parse_interactive_answers(packed(0U, 0U)).ok());
  EXPECT_FALSE(parse_interactive_answers({}).ok());
  for (const std::uint32_t many : {33U, 0xffffffffU}) {
    const auto answers = parse_interactive_answers(packed(many));
    EXPECT_TRUE(answers.ok() && !answers->has_value());
  }
  const std::string too_long(limits::kMaxAnswer + 1, 'x');
  const auto answers = parse_interactive_answers(packed(1U, std::string_view(too_long)));
  EXPECT_TRUE(answers.ok() && !answers->has_value());
}

TEST(ChannelRequest, TakesATerminalWithItsModes) {
  const auto pty = parse_pty_request(
      packed(std::string_view("xterm"), 80U, 24U, 0U, 0U, std::string_view("\x01\0\0\0\x03\0", 6)));
  ASSERT_TRUE(pty);
  EXPECT_EQ(*pty->term, "xterm");
  EXPECT_EQ(pty->size.columns, 80U);
  EXPECT_EQ(pty->modes.size(), 6U);
  EXPECT_FALSE(parse_pty_request(packed(std::string_view("xterm"), 80U, 24U)));
  EXPECT_FALSE(parse_pty_request(
      packed(std::string_view(std::string(129, 't')), 80U, 24U, 0U, 0U, std::string_view())));
}

TEST(ChannelRequest, RefusesNulInCommandsAndNames) {
  EXPECT_TRUE(parse_command(packed(std::string_view("ls -l"))));
  EXPECT_FALSE(parse_command(packed(std::string_view("ls\0-l", 5))));
  EXPECT_TRUE(parse_environment(packed(std::string_view("LANG"), std::string_view("C"))));
  EXPECT_FALSE(parse_environment(packed(std::string_view("A=B"), std::string_view("C"))));
  EXPECT_FALSE(parse_environment(packed(std::string_view(""), std::string_view("C"))));
  EXPECT_FALSE(parse_environment(packed(std::string_view("A"), std::string_view("\0", 1))));
  EXPECT_FALSE(parse_command(packed(std::string_view(std::string(limits::kMaxCommand + 1, 'x')))));
}

TEST(ChannelRequest, ReadsSizesAndSignals) {
  EXPECT_EQ(parse_window_change(packed(1U, 2U, 3U, 4U))->height_pixels, 4U);
  EXPECT_FALSE(parse_window_change(packed(1U, 2U, 3U, 4U, 5U)));
  EXPECT_EQ(*parse_signal(packed(std::string_view("INT"))), "INT");
  EXPECT_FALSE(parse_signal(packed(std::string_view(std::string(33, 'S')))));
}

Bytes text_and_number(const std::string& text, std::uint32_t number) {
  Bytes bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(text.size() >> shift));
  }
  bytes.insert(bytes.end(), text.begin(), text.end());
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(number >> shift));
  }
  return bytes;
}

Bytes joined(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

TEST(ForwardRequest, ReadsWhereTo) {
  const auto tcp = parse_direct_channel(
      "direct-tcpip", joined(text_and_number("host", 80), text_and_number("127.0.0.1", 5)));
  ASSERT_TRUE(tcp.has_value());
  EXPECT_EQ(*tcp->host, "host");
  EXPECT_EQ(tcp->port, 80);
  EXPECT_TRUE(tcp->path.empty());
  // A path, a reserved string and a reserved number.
  auto unix_payload = text_and_number("/run/x", 0);
  unix_payload = joined(unix_payload, {0, 0, 0, 0});
  const auto unix_socket = parse_direct_channel("direct-streamlocal@openssh.com", unix_payload);
  ASSERT_TRUE(unix_socket.has_value());
  EXPECT_EQ(*unix_socket->path, "/run/x");
}

TEST(ForwardRequest, RefusesWhatIsOutOfBounds) {
  const auto origin = text_and_number("127.0.0.1", 5);
  const auto direct = [&](const std::string& host, std::uint32_t port) {
    return parse_direct_channel("direct-tcpip", joined(text_and_number(host, port), origin))
        .has_value();
  };
  EXPECT_TRUE(direct("", 0));
  EXPECT_TRUE(direct(std::string(255, 'h'), 65535));
  EXPECT_FALSE(direct(std::string(256, 'h'), 80));
  EXPECT_FALSE(direct("h", 65536));
  EXPECT_FALSE(direct(std::string("a\0b", 3), 80));
  EXPECT_FALSE(parse_direct_channel("direct-tcpip", text_and_number("h", 80)).has_value());
  EXPECT_FALSE(
      parse_direct_channel("direct-tcpip", joined(joined(text_and_number("h", 80), origin), {0}))
          .has_value());
}

TEST(ForwardRequest, OffersWhatTheClientHasAskedFor) {
  const auto wish = parse_forward_request("tcpip-forward", text_and_number("Any.Name", 8080));
  ASSERT_TRUE(wish.has_value());
  const Accepted accepted{AcceptedKind::kForwarded, 1, std::string("10.0.0.1"), 77};
  const auto offer = offer_to_client(accepted, *wish);
  ASSERT_TRUE(offer.has_value());
  EXPECT_STREQ(offer->type, "forwarded-tcpip");
  EXPECT_EQ(offer->payload,
            joined(text_and_number("Any.Name", 8080), text_and_number("10.0.0.1", 77)));
  EXPECT_FALSE(offer_to_client(accepted, std::nullopt).has_value());
}

}  // namespace
}  // namespace ssh2incus
