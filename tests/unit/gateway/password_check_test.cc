// Hashes made by the real libxcrypt, of every method that it knows.
#include "gateway/password_check.h"

#include <crypt.h>
#include <gtest/gtest.h>

#include <memory>

namespace ssh2incus {
namespace {

Secret secret(std::string_view text) { return Secret({text.begin(), text.end()}); }

std::string hash_of(const char* prefix, unsigned long cost, const char* password) {
  const auto data = std::make_unique<crypt_data>();
  char* setting = crypt_gensalt_ra(prefix, cost, nullptr, 0);
  EXPECT_NE(setting, nullptr) << prefix;
  if (setting == nullptr) return {};
  const char* hash = crypt_r(password, setting, data.get());
  std::free(setting);  // NOLINT: crypt_gensalt_ra's
  return hash == nullptr ? std::string() : std::string(hash);
}

TEST(PasswordCheck, KnowsEveryStrongMethod) {
  for (const char* prefix : {"$y$", "$gy$", "$7$", "$2b$", "$2a$", "$2y$", "$6$"}) {
    const std::string hash = hash_of(prefix, 0, "correct horse");
    ASSERT_FALSE(hash.empty()) << prefix;
    EXPECT_TRUE(check_password(secret("correct horse"), hash).ok()) << hash;
    EXPECT_FALSE(check_password(secret("correct hors"), hash).ok()) << hash;
    EXPECT_FALSE(check_password(secret("correct horse "), hash).ok()) << hash;
    EXPECT_FALSE(check_password(secret(""), hash).ok()) << hash;
  }
}

TEST(PasswordCheck, RefusesWhatLibxcryptCallsWeak) {
  for (const char* prefix : {"$5$", "$1$", "$sha1", "$md5", "$3$", "_", ""}) {
    const std::string hash = hash_of(prefix, 0, "password");
    ASSERT_FALSE(hash.empty()) << prefix;
    EXPECT_FALSE(check_password(secret("password"), hash).ok()) << hash;
  }
}

TEST(PasswordCheck, AcceptsNoEmptyOrBrokenHash) {
  const std::string good = hash_of("$6$", 0, "password");
  for (const std::string& hash :
       {std::string(), std::string("!"), std::string("*"), std::string("*0"), std::string("$6$"),
        std::string("$y$j9T$"), good.substr(0, good.size() - 1), good + "x", "!" + good,
        good + "$"}) {
    EXPECT_FALSE(check_password(secret("password"), hash).ok()) << hash;
    EXPECT_FALSE(check_password(secret(""), hash).ok()) << hash;
  }
}

TEST(PasswordCheck, ComputesNothingThatCostsTooMuch) {
  // Each of these would take minutes or gigabytes.
  for (const char* hash : {"$y$jFT$saltsalt$x", "$6$rounds=999999999$salt$x",
                           "$2b$31$abcdefghijklmnopqrstuu", "$7$EU..../....salt$x"}) {
    EXPECT_NE(check_password(secret("p"), hash).error().message.find("too m"), std::string::npos)
        << hash;
  }
}

TEST(PasswordCheck, TakesNoPasswordsWithNulOrBeyondTheLimit) {
  const std::string hash = hash_of("$6$", 0, "password");
  EXPECT_FALSE(check_password(secret(std::string_view("password\0x", 10)), hash).ok());
  EXPECT_FALSE(check_password(secret(std::string_view("\0", 1)), hash).ok());
  const std::string longest(511, 'x');
  EXPECT_TRUE(check_password(secret(longest), hash_of("$6$", 0, longest.c_str())).ok());
  EXPECT_FALSE(check_password(secret(longest + "x"), hash).ok());
  check_password_of_nobody(secret("password"));
}

}  // namespace
}  // namespace ssh2incus
