// config.yaml as a flat list of settings, in the file's order: what each key is given, and where.
// Which keys there are, and what they take, is the business of who asks (monitor/config_options.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/config_tree.h"

namespace ssh2incus {

struct ConfigValue {
  std::string text;  // one line, never empty
  bool quoted = false;
  ConfigPosition where;
};

struct ConfigSetting {
  enum class Shape : std::uint8_t {
    kScalar,  // key: value
    kList,    // key: [value, value], may be empty
    kMap,     // key: {name: value}; the values are "name:value"
  };
  std::string key;
  ConfigPosition where;  // of the key
  Shape shape = Shape::kScalar;
  std::vector<ConfigValue> values;
};

struct ConfigSettings {
  std::vector<ConfigSetting> settings;
  std::vector<ConfigProblem> problems;  // with any, the settings are not to be used
};

ConfigSettings parse_config_settings(std::string_view text);

}  // namespace ssh2incus
