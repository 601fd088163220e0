// Lines of authorized_principals, and lists of principals.
#include "policy/principals.h"

#include <gtest/gtest.h>

#include "policy/combined_grant.h"

namespace ssh2incus {
namespace {

TEST(Principals, AreOneToALine) {
  for (const char* line : {"anna", "  anna", "anna\t \n", "anna\r\n"}) {
    const auto parsed = parse_principals_line(line);
    ASSERT_TRUE(parsed.ok() && *parsed) << line;
    EXPECT_EQ((*parsed)->name, "anna");
    EXPECT_EQ((*parsed)->options, KeyOptions());
  }
  for (const char* line : {"", " \t", "# anna", "  # no-pty anna"}) {
    const auto parsed = parse_principals_line(line);
    ASSERT_TRUE(parsed.ok()) << line;
    EXPECT_FALSE(*parsed) << line;
  }
}

TEST(Principals, MayHaveOptions) {
  const auto parsed = parse_principals_line("no-pty,command=\"a b\" \t anna");
  ASSERT_TRUE(parsed.ok() && *parsed) << parsed.error().message;
  EXPECT_EQ((*parsed)->name, "anna");
  EXPECT_FALSE((*parsed)->options.pty);
  EXPECT_EQ(**(*parsed)->options.command, "a b");
}

TEST(Principals, AreRefusedWhenNotUnderstood) {
  for (const char* line : {"bert anna", "no-such-option anna", "command=\"a anna", "no-pty, anna",
                           "no-pty bert anna", "command=\"a b\""}) {
    EXPECT_FALSE(parse_principals_line(line).ok()) << line;
  }
  EXPECT_FALSE(parse_principals_line(std::string_view("an\0na", 5)).ok());
  EXPECT_FALSE(parse_principals_line(std::string(limits::kMaxAuthorizedKeysLine + 1, 'a')).ok());
}

TEST(Principals, AreFoundInListsAsWholes) {
  const std::vector<std::string> principals = {"anna", "root", "a,b"};
  EXPECT_EQ(principal_in_list(principals, "anna"), "anna");
  EXPECT_EQ(principal_in_list(principals, "bert,root,anna"), "root");
  for (const char* list : {"", ",", "ann", "annaa", "Anna", "anna ", "*", "!anna", "a", "b"}) {
    EXPECT_FALSE(principal_in_list(principals, list)) << list;
  }
  EXPECT_FALSE(principal_in_list(std::vector<std::string>(), ""));
}

TEST(UnrestrictedGrant, LeavesTheOtherAsItIs) {
  KeyGrant grant;
  for (const bool touch : {false, true}) {
    grant.require_touch = touch;
    grant.pty = !touch;
    EXPECT_EQ(*combined_grant(unrestricted_grant(), grant), grant);
    EXPECT_EQ(*combined_grant(grant, unrestricted_grant()), grant);
  }
}

}  // namespace
}  // namespace ssh2incus
