// YAML as a tree: what is read, and for everything that is refused the exact place and reason.
#include "policy/config_tree.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

using Kind = ConfigNode::Kind;

std::string first_problem(const std::string& text) {
  const ConfigTree tree = parse_config_tree(text);
  if (tree.problems.empty()) return "none";
  const ConfigProblem& problem = tree.problems.front();
  return std::to_string(problem.where.line) + ":" + std::to_string(problem.where.column) + " " +
         problem.message;
}

TEST(ConfigTree, KeepsOrderKindsAndPlaces) {
  const ConfigTree tree = parse_config_tree(
      "# comment\n"
      "b: one\n"
      "a:\n"
      "  - 'two'\n"
      "  - {c: 3}\n");
  ASSERT_TRUE(tree.problems.empty());
  ASSERT_EQ(tree.root.entries.size(), 2U);
  const ConfigEntry& b = tree.root.entries[0];
  EXPECT_EQ(b.key, "b");
  EXPECT_EQ(b.where, (ConfigPosition{2, 1}));
  EXPECT_EQ(b.value.text, "one");
  EXPECT_EQ(b.value.where, (ConfigPosition{2, 4}));
  EXPECT_FALSE(b.value.quoted);
  const ConfigNode& list = tree.root.entries[1].value;
  ASSERT_EQ(list.kind, Kind::kList);
  ASSERT_EQ(list.items.size(), 2U);
  EXPECT_TRUE(list.items[0].quoted);
  EXPECT_EQ(list.items[0].where, (ConfigPosition{4, 5}));
  ASSERT_EQ(list.items[1].kind, Kind::kMap);
  EXPECT_EQ(list.items[1].entries[0].key, "c");
}

TEST(ConfigTree, IsNullForAnEmptyFile) {
  for (const char* text : {"", "\n", "# nothing\n", "# nothing", "---\n", "---\n# x\n...\n", "~"}) {
    const ConfigTree tree = parse_config_tree(text);
    EXPECT_TRUE(tree.problems.empty()) << text;
    EXPECT_EQ(tree.root.kind, Kind::kNull) << text;
  }
}

TEST(ConfigTree, TakesWindowsLineEndsAndOneDocumentMark) {
  const ConfigTree tree = parse_config_tree("---\r\na: b\r\n");
  ASSERT_TRUE(tree.problems.empty());
  EXPECT_EQ(tree.root.entries.at(0).value.text, "b");
}

struct Refusal {
  std::string text;
  std::string problem;
};

TEST(ConfigTree, SaysWhereAndWhyATextIsRefused) {
  const std::vector<Refusal> refusals = {
      {"a: 1\na: 2\n", "2:1 a is there twice, first in line 1"},
      {"x:\n  - {a: 1, b: 2, a: 3}\n", "2:18 a is there twice, first in line 2"},
      {"a: &x b\n", "1:4 anchors (&name) aren't allowed"},
      {"a: &x [b]\n", "1:4 anchors (&name) aren't allowed"},
      {"a: &x\nb: 1\n", "1:4 anchors (&name) aren't allowed"},
      {"a: *x\n", "1:4 not YAML: the referenced anchor is not defined"},
      {"a: !!str b\n", "1:4 tags (!name) aren't allowed"},
      {"a: !mine {}\n", "1:4 tags (!name) aren't allowed"},
      {"a: b\n---\nc: d\n", "2:1 a second document; the file must be one"},
      {"? [a]\n: b\n", "1:3 a key must be one word"},
      {"{a: b}: c\n", "1:1 a key must be one word"},
      {": b\n", "1:1 a key is missing"},
      {"'': b\n", "1:1 a key is missing"},
      {"a:\n\tb: c\n", "2:1 a tab; use spaces"},
      {"a: b # \t\n", "1:8 a tab; use spaces"},
      {std::string("a: b\nc\0: d", 10), "2:2 a control character"},
      {"a: \x1b[31m\n", "1:4 a control character"},
      {"a: \x7f\n", "1:4 a control character"},
      {"a\rb\n", "1:2 a carriage return"},
      {"a: b\nc: \xff\n", "2:4 not UTF-8"},
      {"a: \xc0\xaf\n", "1:4 not UTF-8"},
      {"a: \xed\xa0\x80\n", "1:4 not UTF-8"},
      {"a: \xf4\x90\x80\x80\n", "1:4 not UTF-8"},
      {"a: \xe2\x82", "1:4 not UTF-8"},
      {"\xff\xfe"
       "a",
       "1:1 not UTF-8"},
      {"\xef\xbb\xbf"
       "a: b\n",
       "1:1 a byte order mark"},
      {"a: [b\n", "2:1 not YAML: end of sequence flow not found"},
      {"a: 'b\n", "2:1 not YAML: illegal document indicator in scalar"},
      {"a: b: c\n", "1:5 not YAML: illegal map value"},
      {"a: @b\n", "1:4 not YAML: unknown token"},
      {"a: b\n c: d\n", "2:3 not YAML: illegal map value"},
  };
  for (const Refusal& refusal : refusals)
    EXPECT_EQ(first_problem(refusal.text), refusal.problem) << refusal.text;
}

TEST(ConfigTree, ListsAllKeysThatAreThereTwice) {
  EXPECT_EQ(parse_config_tree("a: 1\na: 2\nb: 1\nb: 2\nb: 3\n").problems.size(), 3U);
}

TEST(ConfigTree, HasBounds) {
  const std::string most = "a: " + std::string(kMaxConfigFile - 4, 'x') + "\n";
  EXPECT_EQ(first_problem(most), "none");
  EXPECT_EQ(first_problem(most + "\n"), "0:0 larger than 1048576 bytes");
  const std::string deep = "a: " + std::string(kMaxConfigDepth - 1, '[');
  EXPECT_EQ(first_problem(deep + std::string(kMaxConfigDepth - 1, ']')), "none");
  EXPECT_EQ(first_problem(deep + "[" + std::string(kMaxConfigDepth, ']')),
            "1:19 nested too deeply");
  EXPECT_NE(first_problem(std::string(500'000, '[')), "none");
  EXPECT_NE(first_problem(std::string(500'000, '{')), "none");
  std::string blocks;
  for (int i = 0; i < 100'000; ++i) blocks += "- ";
  EXPECT_EQ(first_problem(blocks), "1:33 nested too deeply");
  std::string many = "a: [";
  for (std::size_t i = 0; i < kMaxConfigNodes; ++i) many += "1,";
  EXPECT_NE(first_problem(many + "1]").find("too many values"), std::string::npos);
  std::string keys;
  for (int i = 0; i < 1100; ++i) keys += "k" + std::to_string(i) + ": 1\n";
  EXPECT_NE(first_problem(keys).find("too many keys"), std::string::npos);
}

TEST(ConfigTree, GuessesWhatWasMeant) {
  const std::vector<std::string> known = {"groups", "listen", "login-grace-time", "macs"};
  EXPECT_EQ(nearest_name("gruops", known), "groups");
  EXPECT_EQ(nearest_name("group", known), "groups");
  EXPECT_EQ(nearest_name("login_grace_time", known), "login-grace-time");
  EXPECT_EQ(nearest_name("mac", known), "macs");
  EXPECT_EQ(nearest_name("nonsense", known), "");
  EXPECT_EQ(nearest_name("", known), "");
  EXPECT_EQ(nearest_name(std::string(100'000, 'g'), known), "");
}

}  // namespace
}  // namespace ssh2incus
