// Banner and welcome: variables, hostile names, bounds.
#include "policy/greeting.h"

#include <gtest/gtest.h>

#include "common/limits.h"

namespace ssh2incus {
namespace {

const GreetingNames kNames = {"alice", "c1", "p1", "local", "host.example"};

TEST(Greeting, FillsInEveryVariable) {
  EXPECT_EQ(filled_in("[INSTANCE_USER]@[INSTANCE].[PROJECT] [REMOTE] [HOSTNAME]!", kNames),
            "alice@c1.p1 local host.example!\r\n");
  EXPECT_EQ(filled_in("[INSTANCE][INSTANCE]", kNames), "c1c1\r\n");
}

TEST(Greeting, LeavesWhatIsNoVariable) {
  for (const char* text : {"[OTHER]", "[instance]", "[INSTANCE", "[", "100%", "%s%n", "]["}) {
    EXPECT_EQ(filled_in(text, kNames), std::string(text) + "\r\n");
  }
  EXPECT_EQ(filled_in("", kNames), "");
}

TEST(Greeting, EndsLinesAsTheProtocolWants) {
  EXPECT_EQ(filled_in("a\nb\r\n\nc", kNames), "a\r\nb\r\n\r\nc\r\n");
}

TEST(Greeting, ColoursOfTheTextStayThoseOfNamesDoNot) {
  GreetingNames names = kNames;
  names.instance = "\x1b[31mred\x07\r\n\xff\xe2\x80\xae";
  EXPECT_EQ(filled_in("\x1b[1m[INSTANCE]\x1b[0m", names),
            "\x1b[1m\\x1b[31mred\\x07\\x0d\\x0a\\xff\\xe2\\x80\\xae\x1b[0m\r\n");
  const std::string box = built_in_banner(names);
  EXPECT_EQ(box.find_first_of("\x1b\x07\xff\xe2"), std::string::npos);
}

TEST(Greeting, NamesAreNotLookedAtAgain) {
  GreetingNames names = kNames;
  names.instance = "[HOSTNAME]";
  EXPECT_EQ(filled_in("[INSTANCE]", names), "[HOSTNAME]\r\n");
  EXPECT_NE(built_in_banner(names).find("[HOSTNAME]"), std::string::npos);
}

TEST(Greeting, IsBoundedAndEndsWithAWholeCharacter) {
  GreetingNames names = kNames;
  names.instance = std::string(100000, 'x');
  const std::string many = filled_in(std::string(4000, '[') + "[INSTANCE][INSTANCE]", names);
  EXPECT_EQ(many.size(), 4000 + 2 * 128 + 2);
  std::string text;
  while (text.size() < 3 * limits::kMaxBanner) text += "\xc3\xa4";
  for (const char* before : {"", "x"}) {
    const std::string out = filled_in(before + text, kNames);
    EXPECT_LE(out.size(), limits::kMaxBanner);
    EXPECT_GE(out.size(), limits::kMaxBanner - 2);
    EXPECT_TRUE(out.ends_with("\xa4\r\n"));
  }
}

TEST(Greeting, BuiltInBannerIsABoxOfEqualLines) {
  for (const std::string& instance : {std::string("c"), std::string(63, 'c')}) {
    GreetingNames names = kNames;
    names.instance = instance;
    names.remote = "prod";
    const std::string box = built_in_banner(names);
    EXPECT_NE(box.find("prod:" + instance + ".p1"), std::string::npos);
    const std::size_t width = box.find("\r\n") + 2;
    EXPECT_EQ(box.size(), 7 * width);
    for (std::size_t at = width - 2; at < box.size(); at += width)
      EXPECT_EQ(box.substr(at, 2), "\r\n");
  }
  EXPECT_EQ(built_in_banner(kNames).find("local"), std::string::npos);
}

TEST(Greeting, NamesComeFromTheLogin) {
  const auto names = greeting_names(*parse_login("prod:bob@web.shop+admin"), "h");
  EXPECT_EQ(names.instance_user, "bob");
  EXPECT_EQ(names.instance, "web");
  EXPECT_EQ(names.project, "shop");
  EXPECT_EQ(names.remote, "prod");
  EXPECT_EQ(names.hostname, "h");
  const auto defaults = greeting_names(*parse_login("web"), "h");
  EXPECT_EQ(defaults.instance_user + defaults.project + defaults.remote, "rootdefaultlocal");
  EXPECT_EQ(greeting_names(*parse_login("%shell"), "h").instance, "%shell");
}

TEST(Greeting, FilesAreBounded) {
  EXPECT_EQ(why_not_greeting("text\n"), "");
  EXPECT_EQ(why_not_greeting(std::string(limits::kMaxBanner / 2, 'x')), "");
  EXPECT_NE(why_not_greeting(std::string(limits::kMaxBanner / 2 + 1, 'x')), "");
  EXPECT_NE(why_not_greeting(std::string_view("a\0b", 3)), "");
}

}  // namespace
}  // namespace ssh2incus
