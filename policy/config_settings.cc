// Flattens the tree. Fed by the administrator's file.
#include "policy/config_settings.h"

#include <algorithm>

#include "common/escape.h"

namespace ssh2incus {
namespace {

using Kind = ConfigNode::Kind;

class Flattener {
 public:
  explicit Flattener(ConfigSettings& out) : out_(out) {}

  void setting(ConfigEntry& entry) {
    ConfigSetting setting{entry.key, entry.where, ConfigSetting::Shape::kScalar, {}};
    switch (entry.value.kind) {
      case Kind::kNull: return problem(entry.where, quoted(entry.key) + " has no value");
      case Kind::kScalar: value(setting, "", entry.value); break;
      case Kind::kList:
        setting.shape = ConfigSetting::Shape::kList;
        for (const ConfigNode& item : entry.value.items) value(setting, "", item);
        break;
      case Kind::kMap:
        setting.shape = ConfigSetting::Shape::kMap;
        for (const ConfigEntry& part : entry.value.entries)
          value(setting, part.key + ":", part.value);
        break;
    }
    out_.settings.push_back(std::move(setting));
  }

  void problem(ConfigPosition where, std::string message) {
    if (out_.problems.size() < kMaxConfigProblems)
      out_.problems.push_back({where, std::move(message)});
  }

 private:
  void value(ConfigSetting& setting, const std::string& prefix, const ConfigNode& node) {
    if (node.kind == Kind::kList || node.kind == Kind::kMap) {
      return problem(node.where, quoted(setting.key) + ": one value is wanted here");
    }
    if (node.kind == Kind::kNull || node.text.empty())
      return problem(node.where, quoted(setting.key) + ": a value is empty");
    const std::string text = prefix + node.text;
    if (std::ranges::any_of(text, [](char c) { return c >= 0 && (c < 0x20 || c == 0x7f); })) {
      return problem(node.where, quoted(setting.key) + ": a value has more than one line");
    }
    setting.values.push_back({text, node.quoted, node.where});
  }

  ConfigSettings& out_;
};

}  // namespace

ConfigSettings parse_config_settings(std::string_view text) {
  ConfigTree tree = parse_config_tree(text);
  ConfigSettings out;
  out.problems = std::move(tree.problems);
  if (!out.problems.empty()) return out;
  Flattener flattener(out);
  if (tree.root.kind == Kind::kList || tree.root.kind == Kind::kScalar) {
    flattener.problem(tree.root.where, "the file must consist of lines \"key: value\"");
  }
  for (ConfigEntry& entry : tree.root.entries) flattener.setting(entry);
  return out;
}

}  // namespace ssh2incus
