// config.yaml as settings: shapes, values and their places.
#include "policy/config_settings.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

using Shape = ConfigSetting::Shape;

std::vector<std::string> texts_of(const ConfigSetting& setting) {
  std::vector<std::string> texts;
  for (const ConfigValue& value : setting.values) texts.push_back(value.text);
  return texts;
}

TEST(ConfigSettings, AreScalarsListsAndMaps) {
  const ConfigSettings parsed = parse_config_settings(
      "debug: true\n"
      "groups:\n"
      "  - incus\n"
      "  - ops\n"
      "penalties: {crash: 90, max: 10m}\n"
      "accept-env: []\n");
  ASSERT_TRUE(parsed.problems.empty());
  ASSERT_EQ(parsed.settings.size(), 4U);
  EXPECT_EQ(parsed.settings[0].shape, Shape::kScalar);
  EXPECT_EQ(texts_of(parsed.settings[0]), std::vector<std::string>{"true"});
  EXPECT_EQ(parsed.settings[1].shape, Shape::kList);
  EXPECT_EQ(texts_of(parsed.settings[1]), (std::vector<std::string>{"incus", "ops"}));
  EXPECT_EQ(parsed.settings[1].where, (ConfigPosition{2, 1}));
  EXPECT_EQ(parsed.settings[1].values[1].where, (ConfigPosition{4, 5}));
  EXPECT_EQ(parsed.settings[2].shape, Shape::kMap);
  EXPECT_EQ(texts_of(parsed.settings[2]), (std::vector<std::string>{"crash:90", "max:10m"}));
  EXPECT_EQ(parsed.settings[3].shape, Shape::kList);
  EXPECT_TRUE(parsed.settings[3].values.empty());
}

TEST(ConfigSettings, OfAnEmptyFileAreNone) {
  for (const char* text : {"", "# only this\n", "{}"}) {
    const ConfigSettings parsed = parse_config_settings(text);
    EXPECT_TRUE(parsed.settings.empty());
    EXPECT_TRUE(parsed.problems.empty()) << text;
  }
}

TEST(ConfigSettings, OfTheWrongShapeAreRefusedWithTheirPlace) {
  struct Case {
    const char* text;
    ConfigPosition where;
    const char* message;
  };
  for (const Case& test : std::vector<Case>{
           {"word", {1, 1}, "the file must consist of lines \"key: value\""},
           {"- a\n- b\n", {1, 1}, "the file must consist of lines \"key: value\""},
           {"a: 1\ndebug:\n", {2, 1}, "debug has no value"},
           {"socket: ''\n", {1, 9}, "socket: a value is empty"},
           {"groups: [a, ~]\n", {1, 13}, "groups: a value is empty"},
           {"groups: [a, [b]]\n", {1, 13}, "groups: one value is wanted here"},
           {"groups: [a, {b: c}]\n", {1, 13}, "groups: one value is wanted here"},
           {"penalties: {crash: [1]}\n", {1, 20}, "penalties: one value is wanted here"},
           {"socket: |\n  /a\n  /b\n", {1, 9}, "socket: a value has more than one line"},
           {"socket: \"/a\\x1b\"\n", {1, 9}, "socket: a value has more than one line"}}) {
    const ConfigSettings parsed = parse_config_settings(test.text);
    ASSERT_EQ(parsed.problems.size(), 1U) << test.text;
    EXPECT_EQ(parsed.problems[0].where, test.where) << test.text;
    EXPECT_EQ(parsed.problems[0].message, test.message);
  }
}

}  // namespace
}  // namespace ssh2incus
