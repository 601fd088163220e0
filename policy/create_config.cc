// Tables of keys and what each does with its value; see create_config.h.
#include "policy/create_config.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/escape.h"
#include "common/limits.h"
#include "common/names.h"
#include "policy/create_config_include.h"
#include "policy/login_target.h"

namespace ssh2incus {
namespace {

using Kind = ConfigNode::Kind;

constexpr std::size_t kMaxProfiles = 1000;
constexpr std::uint32_t kMostOfAResource = 1'000'000;  // GiB or CPUs
class CreateConfigReader {
 public:
  CreateConfigReader(const IncludedFiles& files, ParsedCreateConfig& out)
      : files_(files), out_(out) {}
  void file(const ConfigNode& root);

 private:
  using Handler = void (CreateConfigReader::*)(InstanceSettings&, const ConfigEntry&);
  struct Key {
    std::string_view name;
    Handler handler;
  };
  static const std::array<Key, 8> kKeys;

  void problem(ConfigPosition where, std::string message) {
    if (out_.problems.size() < kMaxConfigProblems)
      out_.problems.push_back({where, std::move(message)});
  }
  bool is_map(const ConfigEntry& entry);
  void settings(InstanceSettings& settings, const ConfigEntry& entry);
  void setting(InstanceSettings& settings, const ConfigEntry& entry, bool at_the_top);
  void profiles(const ConfigEntry& entry);
  void image_servers(const ConfigEntry& entry);
  void image_server(ImageServer& server, const ConfigNode& node);
  void check_image_servers();

  // A scalar that is no file; an empty one only if it's in quotes.
  std::optional<std::string> text(const ConfigEntry& entry);
  std::optional<std::string> content(const ConfigNode& node, const std::string& name);

  void on_image(InstanceSettings& settings, const ConfigEntry& entry);
  template <std::optional<bool> InstanceSettings::*Member>
  void on_bool(InstanceSettings& settings, const ConfigEntry& entry) {
    const auto value = text(entry);
    if (!value) return;
    if (*value != "true" && *value != "false")
      return problem(entry.value.where, quoted(entry.key) + ": true or false is wanted here");
    settings.*Member = *value == "true";
  }
  template <std::optional<std::uint32_t> InstanceSettings::*Member>
  void on_number(InstanceSettings& settings, const ConfigEntry& entry) {
    settings.*Member = number(entry);
  }
  std::optional<std::uint32_t> number(const ConfigEntry& entry);
  void on_devices(InstanceSettings& settings, const ConfigEntry& entry);
  void device(InstanceConfig& device, const ConfigEntry& entry);
  void on_config(InstanceSettings& settings, const ConfigEntry& entry);
  void config_value(InstanceConfig& config, const ConfigEntry& entry);

  const IncludedFiles& files_;
  ParsedCreateConfig& out_;
  std::vector<std::pair<std::string, ConfigPosition>> used_servers_;
};

const std::array<CreateConfigReader::Key, 8> CreateConfigReader::kKeys = {{
    {"image", &CreateConfigReader::on_image},
    {"ephemeral", &CreateConfigReader::on_bool<&InstanceSettings::ephemeral>},
    {"memory", &CreateConfigReader::on_number<&InstanceSettings::memory_gib>},
    {"cpu", &CreateConfigReader::on_number<&InstanceSettings::cpus>},
    {"disk", &CreateConfigReader::on_number<&InstanceSettings::disk_gib>},
    {"vm", &CreateConfigReader::on_bool<&InstanceSettings::virtual_machine>},
    {"devices", &CreateConfigReader::on_devices},
    {"config", &CreateConfigReader::on_config},
}};

void CreateConfigReader::file(const ConfigNode& root) {
  if (root.kind == Kind::kNull) return;
  if (root.kind != Kind::kMap)
    return problem(root.where, "the file must have keys, such as \"defaults:\"");
  const bool later = std::ranges::any_of(root.entries, [](const ConfigEntry& entry) {
    return entry.key == "defaults" || entry.key == "profiles";
  });
  out_.config.defaults = {};
  for (const ConfigEntry& entry : root.entries) {
    if (entry.key == "version") {
      if (entry.value.kind != Kind::kScalar || entry.value.text != "1")
        problem(entry.value.where, "the only version that this program knows is 1");
    } else if (entry.key == "image-servers") {
      image_servers(entry);
    } else if (later && entry.key == "defaults") {
      settings(out_.config.defaults, entry);
    } else if (later && entry.key == "profiles") {
      profiles(entry);
    } else if (later && std::ranges::find(kKeys, entry.key, &Key::name) != kKeys.end()) {
      problem(entry.where, quoted(entry.key) + " belongs below 'defaults' or into a profile");
    } else {
      setting(out_.config.defaults, entry, true);
    }
  }
  check_image_servers();
}

bool CreateConfigReader::is_map(const ConfigEntry& entry) {
  if (entry.value.kind == Kind::kMap) return true;
  if (entry.value.kind != Kind::kNull)
    problem(entry.value.where, quoted(entry.key) + " takes keys and values");
  return false;
}

void CreateConfigReader::settings(InstanceSettings& settings, const ConfigEntry& entry) {
  if (!is_map(entry)) return;
  for (const ConfigEntry& one : entry.value.entries) setting(settings, one, false);
}

void CreateConfigReader::setting(InstanceSettings& settings, const ConfigEntry& entry,
                                 bool at_the_top) {
  const auto key = std::ranges::find(kKeys, entry.key, &Key::name);
  if (key != kKeys.end()) return (this->*key->handler)(settings, entry);
  std::vector<std::string> known;
  for (const Key& one : kKeys) known.emplace_back(one.name);
  if (at_the_top) known.insert(known.end(), {"version", "defaults", "profiles", "image-servers"});
  problem(entry.where, unknown_key_text(entry.key, known));
}

void CreateConfigReader::profiles(const ConfigEntry& entry) {
  if (!is_map(entry)) return;
  if (entry.value.entries.size() > kMaxProfiles) return problem(entry.where, "too many profiles");
  for (const ConfigEntry& profile : entry.value.entries) {
    if (const std::string reason = why_not_profile_name(profile.key); !reason.empty()) {
      problem(profile.where, quoted(profile.key.substr(0, 100)) + ": " + reason);
    } else {
      settings(out_.config.profiles[profile.key], profile);
    }
  }
}

std::optional<std::string> CreateConfigReader::text(const ConfigEntry& entry) {
  const ConfigNode& node = entry.value;
  if (node.kind != Kind::kScalar || (node.text.empty() && !node.quoted)) {
    problem(node.kind == Kind::kNull ? entry.where : node.where,
            quoted(entry.key) + " takes one value");
    return std::nullopt;
  }
  if (included_file(node)) {
    problem(node.where,
            quoted(entry.key) + ": only data for cloud-init (cloud-init.*, user.*) may be a file");
    return std::nullopt;
  }
  return node.text;
}

std::optional<std::string> CreateConfigReader::content(const ConfigNode& node,
                                                       const std::string& name) {
  auto content = included_content(files_, name);
  if (content.ok()) return std::move(*content);
  problem(node.where, quoted(name.substr(0, 255)) + ": " + content.error().message);
  return std::nullopt;
}

void CreateConfigReader::on_image(InstanceSettings& settings, const ConfigEntry& entry) {
  const auto image = text(entry);
  if (!image) return;
  if (const std::string reason = why_not_image(*image); !reason.empty())
    return problem(entry.value.where, reason);
  settings.image = *image;
  const std::size_t colon = image->find(':');
  if (colon != std::string::npos)
    used_servers_.emplace_back(image->substr(0, colon), entry.value.where);
}

std::optional<std::uint32_t> CreateConfigReader::number(const ConfigEntry& entry) {
  const auto value = text(entry);
  if (!value) return std::nullopt;
  std::uint32_t result = 0;
  const char* end = value->data() + value->size();
  const auto [stopped, error] = std::from_chars(value->data(), end, result);
  if (value->empty() || error != std::errc() || stopped != end || result > kMostOfAResource) {
    const std::string unit = entry.key == "cpu" ? "" : ", in GiB";
    problem(entry.value.where, quoted(entry.key) + " takes a number from 0 (unlimited) to " +
                                   std::to_string(kMostOfAResource) + unit);
    return std::nullopt;
  }
  return result;
}

void CreateConfigReader::on_devices(InstanceSettings& settings, const ConfigEntry& entry) {
  if (!is_map(entry)) return;
  if (entry.value.entries.size() > limits::kMaxCreateDevices)
    return problem(entry.where, "too many devices");
  for (const ConfigEntry& one : entry.value.entries) {
    if (one.key.size() > limits::kMaxDeviceName) {
      problem(one.where, "the name of a device is too long");
    } else if (one.value.kind != Kind::kMap) {
      problem(one.where, "a device takes keys, such as {type: disk, path: /}");
    } else {
      device(settings.devices[one.key], one);
    }
  }
}

void CreateConfigReader::device(InstanceConfig& device, const ConfigEntry& entry) {
  if (entry.value.entries.size() > limits::kMaxDeviceKeys)
    return problem(entry.where, "too many keys");
  for (const ConfigEntry& one : entry.value.entries) {
    const auto value = text(one);
    if (!value) continue;
    if (one.key.size() > limits::kMaxConfigKey || value->size() > limits::kMaxPath) {
      problem(one.where, "this is too long");
    } else {
      device[one.key] = *value;
    }
  }
  if (!device.contains("type")) problem(entry.where, "a device needs a type");
  const auto path = device.find("path");
  const bool root = path != device.end() && path->second == "/";
  if (root && device.contains("size"))
    problem(entry.where, "write 'disk: GIB' for the root disk's size, beside 'devices'");
}

void CreateConfigReader::on_config(InstanceSettings& settings, const ConfigEntry& entry) {
  if (!is_map(entry)) return;
  if (entry.value.entries.size() > limits::kMaxCreateConfig)
    return problem(entry.where, "too many keys");
  for (const ConfigEntry& one : entry.value.entries) config_value(settings.config, one);
}

void CreateConfigReader::config_value(InstanceConfig& config, const ConfigEntry& entry) {
  // The reference calls it so.
  const std::string key = entry.key == "security.nested" ? std::string(kNestingKey) : entry.key;
  if (const std::string reason = why_not_config_key(key); !reason.empty())
    return problem(entry.where, quoted(key.substr(0, 100)) + ": " + reason);
  if (config.contains(key))
    return problem(entry.where, quoted(entry.key) + " is there twice, under another name");
  const auto file = may_be_included(key) ? included_file(entry.value) : std::nullopt;
  const auto value = file ? content(entry.value, *file) : text(entry);
  if (!value) return;
  if (value->size() > kMaxIncludedFile) return problem(entry.value.where, "this is too long");
  const bool is_switch = key == kPrivilegedKey || key == kNestingKey;
  if (is_switch && !is_true(*value) && !is_false(*value))
    return problem(entry.value.where, quoted(entry.key) + ": true or false is wanted here");
  config[key] = is_switch ? (is_true(*value) ? "true" : "false") : *value;
}

void CreateConfigReader::image_servers(const ConfigEntry& entry) {
  if (!is_map(entry)) return;
  for (const ConfigEntry& one : entry.value.entries) {
    std::string reason = why_not_remote_name(one.key);
    if (one.key == kLocalImages) reason = "this name means the Incus where instances are made";
    if (!reason.empty()) {
      problem(one.where, quoted(one.key.substr(0, 100)) + ": " + reason);
    } else if (one.value.kind != Kind::kMap) {
      problem(one.where, "an image server takes keys: {url: \"https://...\", protocol: ...}");
    } else {
      ImageServer& server = out_.config.image_servers[one.key];
      server = {};
      image_server(server, one.value);
      if (server.url.empty()) problem(one.where, "an image server needs a url");
    }
  }
}

void CreateConfigReader::image_server(ImageServer& server, const ConfigNode& node) {
  for (const ConfigEntry& entry : node.entries) {
    if (entry.key == "certificate") {
      const bool named = entry.value.kind == Kind::kScalar && !entry.value.include;
      if (!named) {
        problem(entry.where, "'certificate' takes the name of a file");
      } else if (auto pem = content(entry.value, entry.value.text)) {
        server.certificate = *pem;
      }
      continue;
    }
    const auto value = text(entry);
    if (!value) continue;
    if (entry.key == "url") {
      const bool fits = value->starts_with("https://") && value->size() <= limits::kMaxUrl &&
                        std::ranges::all_of(*value, [](char c) { return c > 0x20 && c < 0x7f; });
      if (!fits) problem(entry.value.where, "a url begins with https:// and has no spaces");
      server.url = *value;
    } else if (entry.key == "protocol") {
      if (*value != "simplestreams" && *value != "incus")
        problem(entry.value.where, "'protocol' is simplestreams or incus");
      server.protocol = *value == "incus" ? ImageProtocol::kIncus : ImageProtocol::kSimplestreams;
    } else {
      problem(entry.where, unknown_key_text(entry.key, {"url", "protocol", "certificate"}));
    }
  }
}

// A login's is looked at when it comes.
void CreateConfigReader::check_image_servers() {
  for (const auto& [server, where] : used_servers_) {
    if (server != kLocalImages && !out_.config.image_servers.contains(server))
      problem(where, "there is no image server " + quoted(server) + " (image-servers)");
  }
}

}  // namespace

CreateConfig built_in_create_config() {
  CreateConfig config;
  config.defaults.image = "alpine/edge";
  config.defaults.memory_gib = 1;
  config.defaults.cpus = 1;
  config.defaults.disk_gib = 10;
  config.image_servers[std::string(kDefaultImages)] = {
      "https://images.linuxcontainers.org", ImageProtocol::kSimplestreams, {}};
  return config;
}

ParsedCreateConfig parse_create_config(std::string_view text, const IncludedFiles& files) {
  ConfigTree tree = parse_config_tree(text, ConfigTags::kInclude);
  ParsedCreateConfig out;
  out.problems = std::move(tree.problems);
  if (!out.problems.empty()) return out;
  out.config = built_in_create_config();
  CreateConfigReader(files, out).file(tree.root);
  if (!out.problems.empty()) out.config = {};
  return out;
}

}  // namespace ssh2incus
