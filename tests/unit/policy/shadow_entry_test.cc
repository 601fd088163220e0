// Lines of shadow(5) that are right, wrong and hostile, and what each says on a given day.
#include "policy/shadow_entry.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kToday = 20'000;
constexpr std::int64_t kNow = kToday * kDay + 3'600;

ShadowEntry entry_of(const std::string& line) {
  auto found = find_shadow_entry(line, "ana");
  EXPECT_TRUE(found.ok() && *found) << line;
  return found.ok() && *found ? **found : ShadowEntry{};
}
bool password_may_be_used(const std::string& line) {
  return check_password_age(entry_of(line), kNow).ok();
}
bool account_may_be_used(const std::string& line) {
  return check_account_age(entry_of(line), kNow).ok();
}

TEST(ShadowEntry, HasItsFields) {
  const ShadowEntry entry = entry_of("root:*:1::::::\nana:$y$x:19000:0:99999:7:30:25000:\n");
  EXPECT_EQ(entry, (ShadowEntry{"$y$x", 19'000, 99'999, 30, 25'000}));
  EXPECT_EQ(entry_of("ana:h:::::::"), (ShadowEntry{"h", {}, {}, {}, {}}));
  EXPECT_EQ(entry_of("ana:h:-1:-1:-1:-1:-1:-1:"), (ShadowEntry{"h", {}, {}, {}, {}}));
}

TEST(ShadowEntry, IsTheFirstOfThatExactName) {
  EXPECT_EQ(entry_of("anatol:1:::::::\nana:2:::::::\nana:3:::::::\n").hash, "2");
  for (const char* text :
       {"", "\n\n", "bob:h:::::::\n", "ana", "anax:h:::::::\n", " ana:h:::::::"}) {
    const auto found = find_shadow_entry(text, "ana");
    EXPECT_TRUE(found.ok() && !*found) << text;
  }
  const auto nobody = find_shadow_entry(":h:::::::\n", "");
  EXPECT_TRUE(nobody.ok() && !*nobody);
}

TEST(ShadowEntry, MustBeExactlyRight) {
  for (const std::string line :
       {"ana:", "ana:h", "ana:h::::::", "ana:h::::::::", "ana:h:x::::::", "ana:h:1 ::::::",
        "ana:h:+1::::::", "ana:h:4294967296::::::", "ana:h:-2::::::", "ana:h:::::::1:",
        "ana:h\r:::::::", "ana:h\xff:::::::", "ana:h:1::::::\r:"}) {
    EXPECT_FALSE(find_shadow_entry(line, "ana").ok()) << line;
  }
  EXPECT_FALSE(find_shadow_entry("ana:" + std::string(384, 'x') + ":::::::", "ana").ok());
  EXPECT_TRUE(find_shadow_entry("ana:" + std::string(383, 'x') + ":::::::", "ana").ok());
  EXPECT_FALSE(find_shadow_entry(std::string("ana:h\0:::::::", 13), "ana").ok());
  EXPECT_FALSE(find_shadow_entry("ana:h\nana:ok:::::::\n", "ana").ok())
      << "a broken line isn't skipped for a later one";
}

TEST(ShadowEntry, RefusesPasswordsThatAreLockedOrEmpty) {
  EXPECT_TRUE(password_may_be_used("ana:h:::::::"));
  for (const char* line :
       {"ana::::::::", "ana:!:::::::", "ana:!!:::::::", "ana:*:::::::", "ana:!$y$h:::::::"}) {
    EXPECT_FALSE(password_may_be_used(line)) << line;
    EXPECT_TRUE(account_may_be_used(line)) << "a lock is the password's: " << line;
  }
}

TEST(ShadowEntry, ExpiresWithTheAccount) {
  EXPECT_TRUE(account_may_be_used("ana:h::::::20001:"));
  for (const char* line : {"ana:h::::::20000:", "ana:h::::::1:", "ana:h::::::0:"}) {
    EXPECT_FALSE(account_may_be_used(line)) << line;
    EXPECT_FALSE(password_may_be_used(line)) << line;
  }
}

TEST(ShadowEntry, ExpiresWithThePasswordsAge) {
  EXPECT_TRUE(password_may_be_used("ana:h:19900::100::::"));
  EXPECT_FALSE(password_may_be_used("ana:h:19899::100::::"));
  EXPECT_TRUE(account_may_be_used("ana:h:19899::100::::"));
  EXPECT_TRUE(account_may_be_used("ana:h:19890::100::10::"));
  EXPECT_FALSE(account_may_be_used("ana:h:19889::100::10::"));
  EXPECT_FALSE(password_may_be_used("ana:h:0::::::")) << "to be changed at the first login";
  EXPECT_TRUE(account_may_be_used("ana:h:0::::::"));
  EXPECT_TRUE(password_may_be_used("ana:h:30000::1::::")) << "changed in the future";
  EXPECT_TRUE(password_may_be_used("ana:h:::1::1::")) << "nobody knows when it was changed";
}

TEST(ShadowEntry, DoesNotOverflow) {
  EXPECT_TRUE(account_may_be_used("ana:h:1::4294967295::4294967295::"));
  EXPECT_TRUE(password_may_be_used("ana:h:4294967295::0::0:4294967295:"));
}

}  // namespace
}  // namespace ssh2incus
