// Which texts are names.
#include "common/names.h"

#include <gtest/gtest.h>

#include "common/limits.h"

namespace ssh2incus {
namespace {

struct Rule {
  const char* what;
  std::string (*why_not)(std::string_view);
  std::size_t longest;
  std::vector<std::string> good;
  std::vector<std::string> bad;
};

const std::vector<Rule>& rules() {
  static const std::vector<Rule> kRules = {
      {"instance",
       why_not_instance_name,
       limits::kMaxInstanceName,
       {"c1", "C", "a-b", "a--b"},
       {"1c", "-c", "c-", "a.b", "a_b", "1"}},
      {"project",
       why_not_project_name,
       limits::kMaxProjectName,
       {"default", "p.q", "1p", "user-1000"},
       {"a_b", ".a", "-a", "a.", "a-", ".", "..", "*"}},
      {"remote",
       why_not_remote_name,
       limits::kMaxRemoteName,
       {"local", "my.remote", "a_b", "1"},
       {"-a", ".a", "a:b"}},
      {"user",
       why_not_user_name,
       limits::kMaxUserName,
       {"root", "_apt", "a.b", "a-b", "Alice", "0"},
       {"-a", ".a", "a:b", "a$"}},
  };
  return kRules;
}

TEST(Names, FollowTheirRules) {
  for (const Rule& rule : rules()) {
    for (const std::string& text : rule.good) EXPECT_EQ(rule.why_not(text), "") << text;
    for (const std::string& text : rule.bad) EXPECT_NE(rule.why_not(text), "") << text;
    EXPECT_EQ(rule.why_not(std::string(rule.longest, 'a')), "") << rule.what;
    const std::string reason = rule.why_not(std::string(rule.longest + 1, 'a'));
    EXPECT_NE(reason.find("longer than"), std::string::npos) << rule.what;
    EXPECT_NE(rule.why_not("").find("empty"), std::string::npos) << rule.what;
  }
}

TEST(Names, NeverHaveDangerousCharacters) {
  for (const Rule& rule : rules()) {
    for (unsigned c = 0; c < 256; ++c) {
      const bool word =
          (c < 128 && std::isalnum(static_cast<int>(c)) != 0) || c == '-' || c == '_' || c == '.';
      if (word) continue;
      const std::string text = std::string("a") + static_cast<char>(c) + "a";
      EXPECT_NE(rule.why_not(text), "") << rule.what << " with character " << c;
    }
  }
}

TEST(Names, AreTypes) {
  const auto name = InstanceName::parse("c1");
  ASSERT_TRUE(name.ok());
  EXPECT_EQ(name->str(), "c1");
  EXPECT_FALSE(InstanceName::parse("c_1").ok());
  static_assert(!std::is_convertible_v<std::string, InstanceName>);
  static_assert(!std::is_constructible_v<HostUser, InstanceUser>);
}

}  // namespace
}  // namespace ssh2incus
