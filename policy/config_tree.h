// A configuration file's YAML as a bounded tree with positions. The text comes from the
// administrator; it is parsed all the same as if it didn't: no anchors, aliases, second documents,
// or tags but "!include" where the caller wants it, and a limit to everything. yaml-cpp and its
// exceptions end here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ssh2incus {

inline constexpr std::size_t kMaxConfigFile = 1024UL * 1024;
inline constexpr std::size_t kMaxConfigDepth = 16;
inline constexpr std::size_t kMaxConfigNodes = 50'000;
inline constexpr std::size_t kMaxConfigProblems = 100;  // then the rest isn't listed

// Both count from 1, columns in bytes; 0: the file as a whole.
struct ConfigPosition {
  unsigned line = 0;
  unsigned column = 0;
  friend bool operator==(const ConfigPosition&, const ConfigPosition&) = default;
};

struct ConfigProblem {
  ConfigPosition where;
  std::string message;
};

struct ConfigEntry;

struct ConfigNode {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  ConfigPosition where;
  std::string text;      // scalars
  bool quoted = false;   // scalars: written in quotes or as a block, so surely meant as text
  bool include = false;  // scalars: "!include FILE", the text is the file
  std::vector<ConfigNode> items;
  std::vector<ConfigEntry> entries;  // maps, in the file's order, keys only once
};

struct ConfigEntry {
  std::string key;
  ConfigPosition where;
  ConfigNode value;
};

struct ConfigTree {
  ConfigNode root;  // null if the file is empty
  std::vector<ConfigProblem> problems;
};

enum class ConfigTags : std::uint8_t { kNone, kInclude };

// A tree with problems is not to be used.
ConfigTree parse_config_tree(std::string_view text, ConfigTags tags = ConfigTags::kNone);

// "FILE:LINE:COLUMN: reason", without the place if it is the file as a whole.
std::string text_of(const ConfigProblem& problem, std::string_view file);

// The known name that a mistyped one is likely to mean; empty if none is near.
std::string nearest_name(std::string_view name, const std::vector<std::string>& known);
// What is said of a key that isn't among those that are known.
std::string unknown_key_text(std::string_view key, const std::vector<std::string>& known);

}  // namespace ssh2incus
