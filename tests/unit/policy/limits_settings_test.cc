// Penalties, source blocks and algorithm lists as an administrator writes them.
#include <gtest/gtest.h>

#include "policy/algorithm_lists.h"
#include "policy/penalty_settings.h"
#include "policy/public_key_algorithms.h"

namespace ssh2incus {
namespace {

using std::chrono::seconds;

TEST(PenaltySettings, ChangeWhatIsNamedAndKeepTheRest) {
  const auto settings =
      parse_penalty_settings({"crash:2m", "invaliduser:7s", "max:1h", "noauth:0"});
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->crash, seconds(120));
  EXPECT_EQ(settings->invalid_user, seconds(7));
  EXPECT_EQ(settings->maximum, seconds(3600));
  EXPECT_EQ(settings->no_auth, seconds(0));
  EXPECT_EQ(settings->auth_fail, PenaltySettings{}.auth_fail);
}

TEST(PenaltySettings, ComeBackFromTheirText) {
  PenaltySettings changed;
  changed.invalid_user = seconds(33);
  const auto texts = penalty_settings_text(changed);
  EXPECT_EQ(texts.size(), 7U);
  const auto parsed = parse_penalty_settings(texts);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(penalty_settings_text(*parsed), texts);
}

TEST(PenaltySettings, ThatMakeNoSenseAreRefused) {
  for (const char* text :
       {"", "crash", "crash:", ":1", "crash:-1", "crash:1d", "crash:s", "sauce:1",
        "crash:999999999", "crash:99999999999999999999", "crash:1 ", "Crash:1"}) {
    EXPECT_FALSE(parse_penalty_settings({text}).ok()) << text;
  }
  EXPECT_FALSE(parse_penalty_settings({"crash:1", "crash:2"}).ok());
  EXPECT_FALSE(parse_penalty_settings({"invalid-user:1", "invaliduser:2"}).ok());
  EXPECT_FALSE(parse_penalty_settings({"min:10", "max:9"}).ok());
}

TEST(NetBlockSize, IsOneOrTwoNumbersOfBits) {
  EXPECT_EQ(parse_net_block_size("24:48")->ipv4, 24U);
  EXPECT_EQ(parse_net_block_size("24:48")->ipv6, 48U);
  EXPECT_EQ(parse_net_block_size("16")->ipv6, 64U);
  EXPECT_TRUE(parse_net_block_size("0:0").ok());
  EXPECT_TRUE(parse_net_block_size("32:128").ok());
  for (const char* text : {"", ":", "33", "32:129", "32:", ":64", "-1", "a:b", "1:2:3"})
    EXPECT_FALSE(parse_net_block_size(text).ok()) << text;
}

TEST(AlgorithmLists, AreSubsetsInTheWantedOrder) {
  EXPECT_EQ(*choose_algorithms(kCiphers, {"aes256-ctr", "aes128-ctr"}), "aes256-ctr,aes128-ctr");
  EXPECT_FALSE(choose_algorithms(kCiphers, {}).ok());
  EXPECT_FALSE(choose_algorithms(kCiphers, {"aes256-ctr", "aes256-ctr"}).ok());
  for (const char* weak : {"3des-cbc", "aes256-cbc", "aes256-ct", "aes256-ctr,", ""})
    EXPECT_FALSE(choose_algorithms(kCiphers, {weak}).ok()) << weak;
  EXPECT_FALSE(choose_algorithms(kKeyExchangeAlgorithms, {"diffie-hellman-group14-sha1"}).ok());
  EXPECT_FALSE(choose_algorithms(kMacs, {"hmac-md5"}).ok());
  EXPECT_FALSE(choose_algorithms(kHostKeyAlgorithms, {"ssh-rsa"}).ok());
  EXPECT_FALSE(choose_algorithms(kPublicKeyAlgorithms, {"ssh-rsa"}).ok());
}

TEST(AlgorithmLists, HaveWholeNamesOnly) {
  EXPECT_TRUE(lists_algorithm("a,bc,d", "bc"));
  EXPECT_TRUE(lists_algorithm("a", "a"));
  for (const char* name : {"b", "c", "a,bc", "", ","}) EXPECT_FALSE(lists_algorithm("a,bc", name));
  EXPECT_FALSE(lists_algorithm("", "a"));
  EXPECT_FALSE(lists_algorithm("", ""));
}

}  // namespace
}  // namespace ssh2incus
