// create-config.yaml: what instances that a login creates are like if the login doesn't say it, and
// named profiles of that. Written by the administrator. Two formats: version 1 of it has the keys
// of `defaults` at the top; the later one has `defaults:` and `profiles:`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/create_grant.h"
#include "common/limits.h"
#include "common/result.h"
#include "policy/config_tree.h"
#include "policy/create_rules.h"

namespace ssh2incus {

// What one of these says of an instance; what is absent is left to the others.
struct InstanceSettings {
  std::optional<std::string> image;  // [server:]alias
  std::optional<bool> ephemeral;
  std::optional<bool> virtual_machine;
  std::optional<std::uint32_t> memory_gib;  // 0: unlimited, as with the next two
  std::optional<std::uint32_t> cpus;
  std::optional<std::uint32_t> disk_gib;
  InstanceConfig config;
  std::map<std::string, InstanceConfig> devices;
  friend bool operator==(const InstanceSettings&, const InstanceSettings&) = default;
};

struct ImageServer {
  std::string url;  // https
  ImageProtocol protocol = ImageProtocol::kSimplestreams;
  std::string certificate;  // PEM, that the server must have; empty: of a known authority
  friend bool operator==(const ImageServer&, const ImageServer&) = default;
};

// Not a server but the Incus where the instance is made.
inline constexpr std::string_view kLocalImages = "local";
// Which is asked for an image without a server's name that Incus doesn't have itself.
inline constexpr std::string_view kDefaultImages = "images";

struct CreateConfig {
  InstanceSettings defaults;
  std::map<std::string, InstanceSettings> profiles;
  std::map<std::string, ImageServer> image_servers;
  friend bool operator==(const CreateConfig&, const CreateConfig&) = default;
};

// Without a file.
CreateConfig built_in_create_config();

inline constexpr std::size_t kMaxIncludedFile = limits::kMaxConfigValue;

// Files that the text names (!include FILE, <@FILE, certificates), each once: relative paths
// without "." and "..".
std::vector<std::string> included_files(std::string_view text);
// Their contents, or why they can't be had.
using IncludedFiles = std::map<std::string, Result<std::string>>;

struct ParsedCreateConfig {
  CreateConfig config;
  std::vector<ConfigProblem> problems;  // with any, the config is not to be used
};
ParsedCreateConfig parse_create_config(std::string_view text, const IncludedFiles& files);

}  // namespace ssh2incus
