// Reads the keys that matter here; unknown ones are passed over, for other versions of the client
// have others.
#include "policy/client_config.h"

#include <algorithm>

#include "common/escape.h"
#include "common/limits.h"

namespace ssh2incus {
namespace {

using Kind = ConfigNode::Kind;

class Reader {
 public:
  explicit Reader(ParsedClientConfig& out) : out_(out) {}

  void file(const ConfigNode& root) {
    if (root.kind == Kind::kNull) return;
    if (root.kind != Kind::kMap)
      return problem(root.where, "this isn't the client's configuration");
    for (const ConfigEntry& entry : root.entries) {
      if (entry.key == "default-remote") text(out_.config.default_remote, entry);
      if (entry.key == "remotes") remotes(entry);
    }
  }

 private:
  void problem(ConfigPosition where, std::string message) {
    if (out_.problems.size() < kMaxConfigProblems)
      out_.problems.push_back({where, std::move(message)});
  }

  void remotes(const ConfigEntry& entry) {
    if (entry.value.kind == Kind::kNull) return;
    if (entry.value.kind != Kind::kMap) return problem(entry.where, "remotes must be a map");
    if (entry.value.entries.size() > kMaxRemotes) return problem(entry.where, "too many remotes");
    for (const ConfigEntry& each : entry.value.entries) remote(each);
  }

  void remote(const ConfigEntry& entry) {
    if (entry.value.kind != Kind::kMap)
      return problem(entry.where, "remote " + quoted(entry.key) + " must be a map");
    RemoteEntry remote;
    remote.name = entry.key;
    remote.where = entry.where;
    for (const ConfigEntry& field : entry.value.entries) {
      if (field.key == "addr") text(remote.address, field);
      if (field.key == "auth_type") text(remote.auth_type, field);
      if (field.key == "project") text(remote.project, field);
      if (field.key == "protocol") text(remote.protocol, field);
      if (field.key == "public") truth(remote.is_public, field);
    }
    out_.config.remotes.push_back(std::move(remote));
  }

  void text(std::string& out, const ConfigEntry& entry) {
    if (entry.value.kind == Kind::kNull) return;
    if (entry.value.kind != Kind::kScalar)
      return problem(entry.value.where, quoted(entry.key) + ": one value is wanted here");
    const bool is_fit = entry.value.text.size() < limits::kMaxPath &&
                        std::ranges::none_of(entry.value.text, [](char c) {
                          return (c >= 0 && c < 0x20) || c == 0x7f;
                        });
    if (!is_fit) return problem(entry.value.where, quoted(entry.key) + ": no such value");
    out = entry.value.text;
  }

  void truth(bool& out, const ConfigEntry& entry) {
    const std::string& value = entry.value.text;
    if (entry.value.kind == Kind::kScalar && (value == "true" || value == "false")) {
      out = value == "true";
    } else {
      problem(entry.value.where, quoted(entry.key) + " must be true or false");
    }
  }

  ParsedClientConfig& out_;
};

}  // namespace

ParsedClientConfig parse_client_config(std::string_view text) {
  ConfigTree tree = parse_config_tree(text);
  ParsedClientConfig out;
  out.problems = std::move(tree.problems);
  if (out.problems.empty()) Reader(out).file(tree.root);
  return out;
}

}  // namespace ssh2incus
