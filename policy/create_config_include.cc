// See create_config_include.h.
#include "policy/create_config_include.h"

#include <algorithm>
#include <string_view>

#include "common/utf8.h"

namespace ssh2incus {
namespace {

using Kind = ConfigNode::Kind;

constexpr std::string_view kIncludeSign = "<@";
constexpr std::string_view kIncludeWord = "!include ";

std::string why_not_file(std::string_view name) {
  if (name.empty()) return "the name of a file is missing";
  if (name.size() > 255 || name.find('\0') != std::string_view::npos) return "no name of a file";
  if (name.starts_with('/')) return "files are named relative to this one's directory";
  for (std::string_view rest = name;;) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == "..") {
      return "a file is below this one's directory, without \"..\"";
    }
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

bool is_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = decode_utf8(text).length;
    if (length == 0 || text.front() == '\0') return false;
    text.remove_prefix(length);
  }
  return true;
}

void collect_files(const ConfigNode& node, std::vector<std::string>& files) {
  const auto add = [&](const std::optional<std::string>& name) {
    if (name && why_not_file(*name).empty() && std::ranges::find(files, *name) == files.end()) {
      files.push_back(*name);
    }
  };
  add(included_file(node));
  for (const ConfigNode& item : node.items) collect_files(item, files);
  for (const ConfigEntry& entry : node.entries) {
    collect_files(entry.value, files);
    if (entry.key == "certificate" && entry.value.kind == Kind::kScalar) add(entry.value.text);
  }
}

}  // namespace

// The quoted forms are those of the reference.
std::optional<std::string> included_file(const ConfigNode& node) {
  if (node.kind != Kind::kScalar) return std::nullopt;
  std::string_view name = node.text;
  if (!node.include) {
    const std::string_view sign = name.starts_with(kIncludeSign) ? kIncludeSign : kIncludeWord;
    if (!name.starts_with(sign) || name.find('\n') != std::string_view::npos) return std::nullopt;
    name.remove_prefix(sign.size());
  }
  while (name.starts_with(' ')) name.remove_prefix(1);
  while (name.ends_with(' ')) name.remove_suffix(1);
  return std::string(name);
}

Result<std::string> included_content(const IncludedFiles& files, const std::string& name) {
  if (std::string reason = why_not_file(name); !reason.empty()) return fail(std::move(reason));
  const auto found = files.find(name);
  if (found == files.end()) return fail("no such file");
  if (!found->second.ok()) return found->second.error();
  const std::string& content = *found->second;
  if (content.size() > kMaxIncludedFile)
    return fail("larger than " + std::to_string(kMaxIncludedFile) + " bytes");
  if (!is_text(content)) return fail("the file isn't UTF-8 text");
  return content;
}

std::vector<std::string> included_files(std::string_view text) {
  std::vector<std::string> files;
  const ConfigTree tree = parse_config_tree(text, ConfigTags::kInclude);
  if (tree.problems.empty()) collect_files(tree.root, files);
  return files;
}

}  // namespace ssh2incus
