// Layers, limits, and the words for both; see create_plan.h.
#include "policy/create_plan.h"

#include <algorithm>

#include "common/escape.h"
#include "common/ipc_codec.h"
#include "common/limits.h"
#include "policy/access_match.h"

namespace ssh2incus {
namespace {

template <typename T>
void replace(std::optional<T>& below, const std::optional<T>& above) {
  if (above) below = above;
}

// Configuration key by key, devices as a whole.
void put_above(InstanceSettings& below, const InstanceSettings& above) {
  replace(below.image, above.image);
  replace(below.ephemeral, above.ephemeral);
  replace(below.virtual_machine, above.virtual_machine);
  replace(below.memory_gib, above.memory_gib);
  replace(below.cpus, above.cpus);
  replace(below.disk_gib, above.disk_gib);
  for (const auto& [key, value] : above.config) below.config[key] = value;
  for (const auto& [name, device] : above.devices) below.devices[name] = device;
}

InstanceSettings settings_of(const CreateOptions& login) {
  InstanceSettings settings;
  settings.image = login.image;
  if (login.ephemeral) settings.ephemeral = true;
  if (login.virtual_machine) settings.virtual_machine = true;
  settings.memory_gib = login.memory_gib;
  settings.cpus = login.cpus;
  settings.disk_gib = login.disk_gib;
  if (login.privileged) settings.config[std::string(kPrivilegedKey)] = "true";
  if (login.nested) settings.config[std::string(kNestingKey)] = "true";
  return settings;
}

// Empty if the size is within the limit. One that nobody gave becomes the limit.
std::string take_limit(const char* name, const std::optional<std::uint32_t>& most,
                       std::optional<std::uint32_t>& size) {
  if (!most) return {};
  if (!size) size = most;
  if (*size != 0 && *size <= *most) return {};
  return std::string(name) + " is limited to " + std::to_string(*most);
}

std::string why_not_config(const CreateLimits& limits, const InstanceConfig& config) {
  for (const auto& [key, value] : config) {
    switch (power_of(key, value)) {
      case ConfigPower::kNone: break;
      case ConfigPower::kPrivileged:
        if (!limits.privileged) return "privileged instances aren't allowed";
        break;
      case ConfigPower::kNesting:
        if (!limits.nested) return "nesting isn't allowed (" + key + ")";
        break;
      case ConfigPower::kRaw:
        if (!limits.raw) return "configuration that touches the host isn't allowed (" + key + ")";
        break;
    }
  }
  return {};
}

// What else an image may be called: without a server's name it is Incus's own or the usual
// server's.
std::vector<std::string> names_of_image(const std::string& image) {
  const std::string local = std::string(kLocalImages) + ":";
  const std::string usual = std::string(kDefaultImages) + ":";
  if (image.find(':') == std::string::npos) return {image, local + image, usual + image};
  for (const std::string& server : {local, usual}) {
    if (image.starts_with(server)) return {image, image.substr(server.size())};
  }
  return {image};
}

bool is_excepted(const PatternList& allowed, const std::vector<std::string>& names) {
  PatternList exceptions;
  for (const auto& pattern : allowed.patterns) {
    if (pattern.negated) exceptions.patterns.push_back({pattern.text, false});
  }
  return std::ranges::any_of(
      names, [&](const std::string& name) { return matches_list(exceptions, name); });
}

// Where only some servers' are allowed, an image without a server's name is theirs. Exceptions are
// about the image under whatever name.
bool take_allowed_image(const PatternList& allowed, std::string& image) {
  const std::vector<std::string> names = names_of_image(image);
  if (is_excepted(allowed, names)) return false;
  if (allowed.patterns.empty() || matches_list(allowed, image)) return true;
  if (names.size() != 3) return false;
  const bool may_be_local = matches_list(allowed, names[1]);
  const bool may_be_remote = matches_list(allowed, names[2]);
  if (may_be_local != may_be_remote) image = may_be_local ? names[1] : names[2];
  return may_be_local || may_be_remote;
}

std::string why_not_within(const CreateLimits& limits, InstanceSettings& settings) {
  for (const auto& reason : {take_limit("memory", limits.memory_gib, settings.memory_gib),
                             take_limit("cpus", limits.cpus, settings.cpus),
                             take_limit("disk", limits.disk_gib, settings.disk_gib)}) {
    if (!reason.empty()) return reason;
  }
  if (!take_allowed_image(limits.images, *settings.image))
    return "image " + quoted(*settings.image) + " isn't allowed";
  if (settings.virtual_machine.value_or(false) && !limits.virtual_machine)
    return "virtual machines aren't allowed";
  if (limits.max_instances == 0U) return "creating instances is limited to none";
  if (auto reason = why_not_config(limits, settings.config); !reason.empty()) return reason;
  for (const auto& [name, device] : settings.devices) {
    if (!limits.devices && !is_root_disk(device)) return "devices aren't allowed (" + name + ")";
  }
  return {};
}

// Without a server's name: of the server that is asked if Incus doesn't have the image itself.
std::string server_name(const std::string& image) {
  const std::size_t colon = image.find(':');
  return colon == std::string::npos ? std::string(kDefaultImages) : image.substr(0, colon);
}

std::vector<CreateEntry> entries_of(const InstanceConfig& config) {
  std::vector<CreateEntry> entries;
  for (const auto& [key, value] : config) entries.push_back({key, value});
  return entries;
}

void set_size(InstanceConfig& config, const char* key, const char* unit,
              const std::optional<std::uint32_t>& size) {
  if (size && *size != 0) config[key] = std::to_string(*size) + unit;
}

}  // namespace

Result<CreatePlan> plan_creation(const CreateConfig& config, const CreateOptions& login,
                                 const CreateLimits& limits) {
  CreatePlan plan;
  plan.settings = config.defaults;
  for (const std::string& name : login.profiles) {
    const auto profile = config.profiles.find(name);
    if (profile == config.profiles.end())
      return fail("there is no profile " + quoted(name) + " for new instances");
    put_above(plan.settings, profile->second);
  }
  put_above(plan.settings, settings_of(login));
  InstanceSettings& settings = plan.settings;
  if (!settings.image) return fail("which image? Neither the login nor create-config.yaml says it");
  const std::string server = server_name(*settings.image);
  if (server != kLocalImages && !config.image_servers.contains(server))
    return fail("there is no image server " + quoted(server));
  if (settings.virtual_machine.value_or(false))
    std::erase_if(settings.config, [](const auto& e) { return is_for_containers(e.first); });
  if (auto reason = why_not_within(limits, settings); !reason.empty())
    return fail(std::move(reason));
  plan.max_instances = limits.max_instances;
  return plan;
}

Result<CreateGrant> create_grant(const CreateConfig& config, const CreatePlan& plan,
                                 const std::string& created_by) {
  const InstanceSettings& settings = plan.settings;
  CreateGrant grant;
  const std::size_t colon = settings.image->find(':');
  grant.image = settings.image->substr(colon + 1);  // npos + 1 is 0
  grant.local_first = colon == std::string::npos;
  if (const std::string name = server_name(*settings.image); name != kLocalImages) {
    const ImageServer& server = config.image_servers.at(name);
    if (server.certificate.size() > limits::kMaxImageCertificate)
      return fail("the certificate of image server " + name + " is too long");
    grant.server = ImageServerGrant{server.url, server.protocol, server.certificate};
  }
  grant.ephemeral = settings.ephemeral.value_or(false);
  grant.virtual_machine = settings.virtual_machine.value_or(false);
  InstanceConfig all = settings.config;
  set_size(all, "limits.memory", "GiB", settings.memory_gib);
  set_size(all, "limits.cpu", "", settings.cpus);
  grant.disk_gib = settings.disk_gib;
  const std::string too_long =
      "the configuration of this instance is too long: " + std::to_string(limits::kMaxCreateGrant) +
      " bytes in all";
  std::vector<CreateDevice> devices;
  for (const auto& [name, device] : settings.devices) {
    InstanceConfig keys = device;
    if (is_root_disk(device)) set_size(keys, "size", "GiB", settings.disk_gib);
    if (keys.size() > limits::kMaxDeviceKeys) return fail(too_long);
    devices.push_back({name, entries_of(keys)});
  }
  // Two for what the gateway adds.
  if (all.size() + 2 > limits::kMaxCreateConfig || devices.size() > limits::kMaxCreateDevices)
    return fail(too_long);
  grant.config = entries_of(all);
  grant.devices = std::move(devices);
  grant.created_by = created_by;
  grant.max_instances = plan.max_instances;
  if (ipc::encode_fields(grant).size() > limits::kMaxCreateGrant) return fail(too_long);
  return grant;
}

std::string why_never_created(const CreateConfig& config) {
  CreateLimits all;
  all.privileged = all.raw = all.devices = true;
  const std::string name(limits::kMaxUserName, 'x');
  const auto why_not = [&](const CreateOptions& login) -> std::string {
    auto plan = plan_creation(config, login, all);
    // Another profile, or the login, may name the image.
    if (!plan.ok()) return {};
    const auto grant = create_grant(config, *plan, name);
    return grant.ok() ? "" : grant.error().message;
  };
  CreateOptions login;
  if (auto reason = why_not(login); !reason.empty()) return "defaults: " + reason;
  for (const auto& [profile, settings] : config.profiles) {
    login.profiles = {profile};
    if (auto reason = why_not(login); !reason.empty()) return "profile " + profile + ": " + reason;
  }
  return {};
}

std::string text_of(const CreatePlan& plan) {
  const InstanceSettings& settings = plan.settings;
  std::string text = "image " + settings.image.value_or("?");
  const auto add_size = [&](const char* name, const char* unit, const auto& size) {
    if (!size) return;
    const std::string amount = *size == 0 ? "unlimited" : std::to_string(*size) + unit;
    text += std::string(", ") + name + " " + amount;
  };
  add_size("memory", " GiB", settings.memory_gib);
  add_size("cpus", "", settings.cpus);
  add_size("disk", " GiB", settings.disk_gib);
  if (settings.virtual_machine.value_or(false)) text += ", virtual machine";
  if (settings.ephemeral.value_or(false)) text += ", ephemeral";
  std::string keys;
  for (const auto& [key, value] : settings.config) keys += (keys.empty() ? "" : " ") + key;
  if (!keys.empty()) text += ", config " + keys;
  std::string devices;
  for (const auto& [name, device] : settings.devices)
    devices += (devices.empty() ? "" : " ") + name;
  if (!devices.empty()) text += ", devices " + escaped(devices);
  return text;
}

}  // namespace ssh2incus
