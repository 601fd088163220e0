// The instance's account files are written by strangers.
#include "common/account_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(AccountFiles, FindTheFirstWellFormedLine) {
  const auto account = find_account(
      "bad\nana:x:-1:5::/h:/s\nana:x:1000:1001:Ana:/home/ana:/bin/bash\nana:x:0:0::/:/bin/sh\n",
      "ana");
  ASSERT_TRUE(account.has_value());
  EXPECT_EQ(account->uid, 1000U);
  EXPECT_EQ(account->gid, 1001U);
  EXPECT_EQ(account->home, "/home/ana");
  EXPECT_EQ(account->shell, "/bin/bash");
}

TEST(AccountFiles, TakeTheLastLineWithoutNewline) {
  EXPECT_TRUE(find_account("ana:x:1:1::/:/bin/sh", "ana").has_value());
}

TEST(AccountFiles, FillEmptyHomeAndShell) {
  const auto account = find_account("ana:x:1:1:::\n", "ana");
  ASSERT_TRUE(account.has_value());
  EXPECT_EQ(account->home, "/");
  EXPECT_EQ(account->shell, "/bin/sh");
}

TEST(AccountFiles, RefuseIdsThatMeanSomethingElse) {
  for (const auto* id : {"-1", "4294967295", "4294967296", "18446744073709551616", "", " 0", "0 ",
                         "0x0", "+0", "1e3", "--"}) {
    EXPECT_FALSE(parse_id(id).has_value()) << id;
    const std::string line = std::string("ana:x:") + id + ":1::/:/bin/sh\n";
    EXPECT_FALSE(find_account(line, "ana").has_value()) << id;
  }
  EXPECT_EQ(parse_id("4294967294"), 4294967294U);
}

TEST(AccountFiles, RefuseLinesOfAnotherShape) {
  EXPECT_FALSE(find_account("ana:x:1:1::/:/bin/sh:more\n", "ana").has_value());
  EXPECT_FALSE(find_account("ana:x:1:1::/\n", "ana").has_value());
  EXPECT_FALSE(find_account("ana:x:1:1::relative:/bin/sh\n", "ana").has_value());
  EXPECT_FALSE(find_account("ana:x:1:1::/:bin/sh\n", "ana").has_value());
  EXPECT_FALSE(find_account(":x:1:1::/:/bin/sh\n", "").has_value());
  EXPECT_FALSE(find_account(std::string("ana:x:1:1::/a\0b:/bin/sh\n", 25), "ana").has_value());
}

TEST(AccountFiles, ListAllGroupsOfAMemberOnce) {
  EXPECT_THAT(
      groups_of("a:x:1:ana\nb:x:2:bob,ana\nc:x:3:anabel\nd:x:4:\ne:x:2:ana\nf:x:-1:ana\n", "ana"),
      ElementsAre(1, 2));
}

TEST(AccountFiles, BoundTheNumberOfGroups) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "g:x:" + std::to_string(i) + ":ana\n";
  EXPECT_EQ(groups_of(text, "ana").size(), 1024U);
}

TEST(AccountFiles, FindGroupsByName) {
  EXPECT_EQ(find_group("adm:x:4:\ntty:x:5:\n", "tty"), 5U);
  EXPECT_EQ(find_group("tty:x:-5:\n", "tty"), std::nullopt);
}

TEST(AccountFiles, ReadWhatGetentPrints) {
  EXPECT_THAT(parse_initgroups("ana                   4 24 27\n", "ana"), ElementsAre(4, 24, 27));
  EXPECT_THAT(parse_initgroups("ana\n", "ana"), IsEmpty());
  EXPECT_THAT(parse_initgroups("anabel 4\n", "ana"), IsEmpty());
  EXPECT_THAT(parse_initgroups("ana 4 -1 x 5", "ana"), ElementsAre(4, 5));
}

}  // namespace
}  // namespace ssh2incus
