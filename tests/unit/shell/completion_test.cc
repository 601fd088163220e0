// What may come next in a line of the Incus shell.
#include "shell/completion.h"

#include <gtest/gtest.h>

namespace ssh2incus::shell {
namespace {

using Words = std::vector<std::string>;

// An incus client that knows its commands, and two instances.
class CompletionTest : public testing::Test {
 protected:
  Words complete(std::string_view line) {
    return completions(line, [this](const Words& arguments) -> Result<std::string> {
      asked_.push_back(arguments);
      if (arguments.front() == "list") return std::string("c1\nc2\n");
      return answer_;
    });
  }
  std::vector<Words> asked_;
  Result<std::string> answer_ = std::string(
      "launch\tCreate and start instances\nlist\tList instances\n:4\nCompletion ended\n");
};

TEST_F(CompletionTest, CommandsComeFromTheClient) {
  EXPECT_EQ(complete("l"), (Words{"launch", "list"}));
  EXPECT_EQ(asked_, std::vector<Words>{(Words{"__complete", "l"})});
  EXPECT_EQ(complete("li"), Words{"list"});
  EXPECT_EQ(complete("incus li"), Words{"list"});
  EXPECT_EQ(asked_.back(), (Words{"__complete", "li"}));
}

TEST_F(CompletionTest, NamesOfInstancesAreAddedWhereTheyCanStand) {
  answer_ = std::string(":0\n");
  EXPECT_EQ(complete("exec "), (Words{"c1", "c2"}));
  EXPECT_EQ(complete("stop c2"), Words{"c2"});
  EXPECT_TRUE(complete("stop --f").empty());
  EXPECT_TRUE(complete("network ").empty());
}

TEST_F(CompletionTest, EachWordOnce) {
  answer_ = std::string("c1\nc1\tx\n");
  EXPECT_EQ(complete("exec c"), (Words{"c1", "c2"}));
}

TEST_F(CompletionTest, AClientThatFailsCompletesNothing) {
  answer_ = fail("too slow");
  EXPECT_TRUE(complete("li").empty());
}

TEST(Completion, TakesOnlyWords) {
  EXPECT_EQ(parse_completions("a\tb\n\n:1\nx y\n\x1b[2J\nok\r\n--flag\n\x9b\n\xc3\xa4\n"),
            (Words{"a", "--flag", "\xc3\xa4"}));
}

TEST(Completion, FindsTheCommonBeginning) {
  EXPECT_EQ(common_beginning({}), "");
  EXPECT_EQ(common_beginning({"list"}), "list");
  EXPECT_EQ(common_beginning({"launch", "list"}), "l");
  EXPECT_EQ(common_beginning({"a", "b"}), "");
}

}  // namespace
}  // namespace ssh2incus::shell
