// Builds the tree from yaml-cpp's events, which come without aliases being expanded. What a text
// can make large or deep is stopped from within the events.
#include "policy/config_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>

#include "common/escape.h"
#include "common/utf8.h"

namespace ssh2incus {
namespace {

// Thrown through yaml-cpp, caught below.
struct Stop {
  ConfigProblem problem;
};

ConfigPosition position_of(const YAML::Mark& mark) {
  if (mark.line < 0 || mark.column < 0) return {};
  return {static_cast<unsigned>(mark.line) + 1, static_cast<unsigned>(mark.column) + 1};
}

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(ConfigTree& tree, ConfigTags tags) : tree_(tree), tags_(tags) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) stop(mark, "a second document; the file must be one");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    add({ConfigNode::Kind::kNull, position_of(mark), {}, false, false, {}, {}}, mark);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    stop(mark, "aliases (*name) aren't allowed");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    const bool include = tags_ == ConfigTags::kInclude && tag == "!include";
    if (include && wants_key()) stop(mark, "a key can't be a file");
    if (!include) refuse_tag(mark, tag);
    add({ConfigNode::Kind::kScalar, position_of(mark), value, tag == "!", include, {}, {}}, mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    begin(ConfigNode::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    begin(ConfigNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Open {
    ConfigNode node;
    std::optional<ConfigEntry> entry;  // maps: the key that waits for its value
  };

  [[noreturn]] static void stop(const YAML::Mark& mark, const std::string& message) {
    throw Stop{{position_of(mark), message}};
  }
  static void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) stop(mark, "anchors (&name) aren't allowed");
  }
  static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") stop(mark, "tags (!name) aren't allowed");
  }

  void begin(ConfigNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
             YAML::anchor_t anchor) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (open_.size() >= kMaxConfigDepth) stop(mark, "nested too deeply");
    if (wants_key()) stop(mark, "a key must be one word");
    count(mark);
    open_.push_back({{kind, position_of(mark), {}, false, false, {}, {}}, {}});
  }

  void end() {
    ConfigNode node = std::move(open_.back().node);
    open_.pop_back();
    place(std::move(node));
  }

  void add(ConfigNode node, const YAML::Mark& mark) {
    count(mark);
    if (!wants_key()) return place(std::move(node));
    if (node.kind != ConfigNode::Kind::kScalar || node.text.empty()) stop(mark, "a key is missing");
    Open& top = open_.back();
    const auto& entries = top.node.entries;
    const auto earlier = std::ranges::find(entries, node.text, &ConfigEntry::key);
    if (earlier != entries.end() && tree_.problems.size() < kMaxConfigProblems) {
      tree_.problems.push_back({node.where, quoted(node.text) + " is there twice, first in line " +
                                                std::to_string(earlier->where.line)});
    }
    top.entry.emplace(ConfigEntry{std::move(node.text), node.where, {}});
  }

  void place(ConfigNode node) {
    if (open_.empty()) {
      tree_.root = std::move(node);
      return;
    }
    Open& top = open_.back();
    if (top.node.kind == ConfigNode::Kind::kList) {
      top.node.items.push_back(std::move(node));
      return;
    }
    top.entry->value = std::move(node);
    top.node.entries.push_back(std::move(*top.entry));
    top.entry.reset();
  }

  [[nodiscard]] bool wants_key() const {
    return !open_.empty() && open_.back().node.kind == ConfigNode::Kind::kMap &&
           !open_.back().entry;
  }

  void count(const YAML::Mark& mark) {
    if (++nodes_ > kMaxConfigNodes) stop(mark, "too many values");
    if (!open_.empty() && open_.back().node.entries.size() > kMaxConfigMapKeys)
      stop(mark, "too many keys");
  }

  static constexpr std::size_t kMaxConfigMapKeys = 1000;
  ConfigTree& tree_;
  ConfigTags tags_;
  std::vector<Open> open_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

const char* why_not_character(std::string_view rest) {
  const auto first = static_cast<unsigned char>(rest.front());
  if (first == '\t') return "a tab; use spaces";
  if (first == '\r') return rest.starts_with("\r\n") ? nullptr : "a carriage return";
  if ((first < 0x20 && first != '\n') || first == 0x7f) return "a control character";
  if (decode_utf8(rest).length == 0) return "not UTF-8";
  return rest.starts_with("\xef\xbb\xbf") ? "a byte order mark" : nullptr;
}

constexpr std::size_t kMaxComparedName = 100;

// Letters to insert, delete, change or swap with their neighbour.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> rows(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        rows[i][j] = i + j;
        continue;
      }
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      rows[i][j] = std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  }
  return rows.back().back();
}

// What is wrong at the end is reported for the last line, not for the end mark that we add.
ConfigPosition within(std::string_view text, ConfigPosition where) {
  const auto lines = static_cast<unsigned>(1 + std::ranges::count(text, '\n'));
  return where.line > lines ? ConfigPosition{lines, 1} : where;
}

std::optional<ConfigProblem> why_not_text(std::string_view text) {
  if (text.size() > kMaxConfigFile) {
    return ConfigProblem{{}, "larger than " + std::to_string(kMaxConfigFile) + " bytes"};
  }
  ConfigPosition where{1, 1};
  while (!text.empty()) {
    if (const char* reason = why_not_character(text)) return ConfigProblem{where, reason};
    const std::size_t length = decode_utf8(text).length;
    where.column += static_cast<unsigned>(length);
    if (text.front() == '\n') where = {where.line + 1, 1};
    text.remove_prefix(length);
  }
  return std::nullopt;
}

}  // namespace

ConfigTree parse_config_tree(std::string_view text, ConfigTags tags) {
  ConfigTree tree;
  if (auto problem = why_not_text(text)) {
    tree.problems.push_back(std::move(*problem));
    return tree;
  }
  try {
    // The end mark makes quotes that aren't closed an error, which yaml-cpp lets pass at the end of
    // a file.
    std::istringstream stream(std::string(text) + "\n...\n");
    YAML::Parser parser(stream);
    TreeBuilder builder(tree, tags);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop& stop) {
    tree.problems.push_back(stop.problem);
  } catch (const YAML::Exception& error) {
    tree.problems.push_back({within(text, position_of(error.mark)), "not YAML: " + error.msg});
  } catch (const std::exception& error) {
    tree.problems.push_back({{}, std::string("not YAML: ") + error.what()});
  }
  return tree;
}

std::string text_of(const ConfigProblem& problem, std::string_view file) {
  std::string text(file);
  if (problem.where.line != 0) {
    text += ":" + std::to_string(problem.where.line) + ":" + std::to_string(problem.where.column);
  }
  return text + ": " + problem.message;
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& known) {
  std::string nearest;
  std::size_t least = 1 + std::min<std::size_t>(3, name.size() / 3);
  if (name.size() > kMaxComparedName) return nearest;
  for (const std::string& candidate : known) {
    if (const std::size_t changes = distance(name, candidate); changes < least) {
      least = changes;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string unknown_key_text(std::string_view key, const std::vector<std::string>& known) {
  const std::string nearest = nearest_name(key, known);
  return "unknown key " + quoted(key.substr(0, kMaxComparedName)) +
         (nearest.empty() ? "" : "; did you mean '" + nearest + "'?");
}

}  // namespace ssh2incus
