// Which hashes are affordable: each method's usual cost, its limit, and parameters nobody uses.
#include "policy/password_hash.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

TEST(PasswordHash, AcceptsWhatDistributionsWrite) {
  for (const char* hash :
       {"$y$j9T$salt$hash", "$y$jBT$salt$hash", "$gy$j9T$salt$hash", "$7$CU..../....salt$hash",
        "$6$salt$hash", "$6$rounds=1000000$salt$hash", "$5$salt$hash", "$5$rounds=5000$salt$hash",
        "$2b$05$salthash", "$2b$14$salthash", "$2a$10$salthash", "$2y$12$salthash"}) {
    EXPECT_TRUE(check_hash_cost(hash).ok()) << hash;
  }
}

TEST(PasswordHash, RefusesWhatTakesTooMuch) {
  for (const char* hash :
       {"$y$jFT$salt$hash", "$y$jlT$salt$hash", "$y$j9.../T$salt", "$gy$jFT$salt$hash",
        "$7$EU..../....salt", "$7$zU..../....salt", "$7$Czzzzz/....salt", "$7$CU....0....salt",
        "$6$rounds=1000001$salt$hash", "$5$rounds=999999999$salt$hash",
        "$6$rounds=4294967296$salt$hash", "$2b$15$salthash", "$2b$31$salthash"}) {
    EXPECT_FALSE(check_hash_cost(hash).ok()) << hash;
  }
  EXPECT_TRUE(check_hash_cost("$y$jCT$salt$hash").ok()) << "128 MiB";
  EXPECT_FALSE(check_hash_cost("$y$jDT$salt$hash").ok()) << "256 MiB";
}

TEST(PasswordHash, RefusesUnusualParameters) {
  for (const char* hash : {"$y$",
                           "$y$j",
                           "$y$j9",
                           "$y$k9T$salt$hash",
                           "$y$j9T0$salt$hash",
                           "$y$j9T./$salt",
                           "$y$$",
                           "$y$jkT$salt",
                           "$y$j9k$salt",
                           "$y$j T$salt",
                           "$7$",
                           "$7$CU....",
                           "$7$CU..../...",
                           "$7$C...../....salt",
                           "$7$CU.........salt",
                           "$7$.U..../....salt",
                           "$6$rounds=$salt",
                           "$6$rounds=x$salt",
                           "$6$rounds=10",
                           "$2b$",
                           "$2b$x$s",
                           "$2b$12"}) {
    EXPECT_FALSE(check_hash_cost(hash).ok()) << hash;
  }
}

TEST(PasswordHash, RefusesOtherMethods) {
  for (const char* hash :
       {"", "x", "ab0123456789a", "_J9..salt", "$1$salt$hash", "$3$$hash", "$md5$salt$hash",
        "$sha1$40000$salt$hash", "$2x$10$salthash", "$9$", "*0", "$y", "$"}) {
    EXPECT_FALSE(check_hash_cost(hash).ok()) << hash;
  }
}

}  // namespace
}  // namespace ssh2incus
