// Every short sequence of methods against chains, compared with a plain restatement of the rule.
#include "policy/authentication_chains.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>

namespace ssh2incus {
namespace {

using enum AuthMethod;
using Methods = std::vector<AuthMethod>;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Methods kEnabled = {kPublicKey, kPassword, kKeyboardInteractive};

AuthenticationChains chains(std::string_view text) {
  auto parsed = AuthenticationChains::parse(text, kEnabled);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed.ok() ? *parsed : AuthenticationChains();
}

TEST(AuthenticationChains, AcceptAnyEnabledMethodByDefault) {
  const auto any = AuthenticationChains::any_of(kEnabled);
  EXPECT_EQ(any.next_names({}), "publickey,password,keyboard-interactive");
  for (const AuthMethod method : kEnabled) {
    EXPECT_TRUE(any.may_try({}, method));
    EXPECT_TRUE(any.complete(Methods{method}));
  }
  EXPECT_FALSE(any.complete({}));
  EXPECT_EQ(chains("any"), any);
}

TEST(AuthenticationChains, WantTheirMethodsInOrder) {
  const auto both = chains("publickey,password");
  EXPECT_EQ(both.next_names({}), "publickey");
  EXPECT_FALSE(both.may_try({}, kPassword));
  EXPECT_FALSE(both.complete(Methods{kPublicKey}));
  EXPECT_EQ(both.next_names(Methods{kPublicKey}), "password");
  EXPECT_TRUE(both.complete(Methods{kPublicKey, kPassword}));
  EXPECT_FALSE(both.complete(Methods{kPassword, kPublicKey}));
  EXPECT_THAT(both.next(Methods{kPassword}), IsEmpty());
}

TEST(AuthenticationChains, OfferWhatAnyOfThemWantsNext) {
  const auto two =
      chains("publickey,password publickey,keyboard-interactive:pam  publickey,publickey");
  EXPECT_THAT(two.next({}), ElementsAre(kPublicKey));
  EXPECT_EQ(two.next_names(Methods{kPublicKey}), "password,keyboard-interactive,publickey");
  EXPECT_TRUE(two.complete(Methods{kPublicKey, kPublicKey}));
  EXPECT_TRUE(two.complete(Methods{kPublicKey, kKeyboardInteractive}));
  EXPECT_FALSE(two.complete(Methods{kPublicKey}));
}

TEST(AuthenticationChains, MayEndBeforeALongerOneDoes) {
  const auto two = chains("publickey publickey,password");
  EXPECT_TRUE(two.complete(Methods{kPublicKey}));
  EXPECT_TRUE(two.complete(Methods{kPublicKey, kPassword}));
}

TEST(AuthenticationChains, SayWhatIsWrongWithTheirText) {
  const std::vector<std::pair<std::string_view, std::string_view>> wrong = {
      {"", "no authentication methods"},
      {"  \t ", "no authentication methods"},
      {"publickey,", "is no authentication method"},
      {",publickey", "is no authentication method"},
      {"publickey,,password", "is no authentication method"},
      {"hostbased", "is no authentication method"},
      {"none", "is no authentication method"},
      {"publickey any", "must stand alone"},
      {"password:pam", "has no submethods"},
      {"keyboard-interactive:bsdauth", "no submethod"},
      {"publickey:x", "has no submethods"},
      {"PublicKey", "is no authentication method"},
      {"publickey,publickey,publickey,publickey,publickey,publickey,publickey,publickey,publickey",
       "too long"},
  };
  for (const auto& [text, reason] : wrong) {
    const auto parsed = AuthenticationChains::parse(text, kEnabled);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_THAT(parsed.error().message, HasSubstr(reason)) << text;
  }
}

TEST(AuthenticationChains, KnowTheirMethods) {
  const auto both = chains("publickey,password");
  EXPECT_THAT(both.methods(), ElementsAre(kPublicKey, kPassword));
  EXPECT_TRUE(both.uses(kPassword));
  EXPECT_FALSE(both.uses(kKeyboardInteractive));
}

// The rule again, written for one chain at a time.
bool finishes(const std::vector<Methods>& all, const Methods& done) {
  return std::find(all.begin(), all.end(), done) != all.end();
}
bool continues(const std::vector<Methods>& all, const Methods& done, AuthMethod method) {
  return std::any_of(all.begin(), all.end(), [&](const Methods& chain) {
    return chain.size() > done.size() && chain[done.size()] == method &&
           std::equal(done.begin(), done.end(), chain.begin());
  });
}

std::vector<Methods> sequences(std::size_t longest) {
  std::vector<Methods> all(1);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Methods begun = all[i];
    if (begun.size() == longest) continue;
    for (const AuthMethod method : kEnabled) {
      Methods longer = begun;
      longer.push_back(method);
      all.push_back(longer);
    }
  }
  return all;
}

TEST(AuthenticationChains, JudgeEverySequenceAgainstEveryPairOfChains) {
  const auto possible = sequences(3);
  const auto text_of = [](const Methods& chain) {
    std::string text;
    for (const AuthMethod method : chain) text += "," + std::string(auth_method_name(method));
    return text.substr(1);
  };
  for (const Methods& first : possible) {
    for (const Methods& second : possible) {
      if (first.empty() || second.empty()) continue;
      const std::vector<Methods> all = {first, second};
      const auto parsed = chains(text_of(first) + " " + text_of(second));
      for (const Methods& done : possible) {
        ASSERT_EQ(parsed.complete(done), finishes(all, done));
        for (const AuthMethod method : kEnabled) {
          ASSERT_EQ(parsed.may_try(done, method), continues(all, done, method));
        }
      }
    }
  }
}

TEST(AuthenticationChains, StayCompleteWhenMoreIsProvenAfterwards) {
  const auto key = AuthenticationChains::any_of(std::array{AuthMethod::kPublicKey});
  EXPECT_FALSE(key.was_complete({}));
  EXPECT_FALSE(key.was_complete(std::array{AuthMethod::kPassword, AuthMethod::kPublicKey}));
  EXPECT_TRUE(key.was_complete(std::array{AuthMethod::kPublicKey}));
  EXPECT_TRUE(key.was_complete(std::array{AuthMethod::kPublicKey, AuthMethod::kPassword}));
}

}  // namespace
}  // namespace ssh2incus
