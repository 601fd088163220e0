// See create_request.h. Texts that aren't UTF-8 can't make the encoder fail.
#include "gateway/create_request.h"

#include <algorithm>

#include "gateway/json_reading.h"

namespace ssh2incus {
namespace {

Json keys_of(const BoundedList<CreateEntry, limits::kMaxDeviceKeys>& entries) {
  Json keys = Json::object();
  for (const CreateEntry& entry : entries) keys[*entry.key] = *entry.value;
  return keys;
}

bool has_root_path(const CreateDevice& device) {
  return std::ranges::any_of(device.entries, [](const CreateEntry& entry) {
    return *entry.key == "path" && *entry.value == "/";
  });
}

Json source_of(const CreateGrant& grant, ImageSource source) {
  Json json = {{"type", "image"}, {source.fingerprint ? "fingerprint" : "alias", *grant.image}};
  if (!source.from_server || !grant.server) return json;
  json["mode"] = "pull";
  json["server"] = *grant.server->url;
  json["protocol"] = grant.server->protocol == ImageProtocol::kIncus ? "incus" : "simplestreams";
  if (!grant.server->certificate.empty()) json["certificate"] = *grant.server->certificate;
  return json;
}

}  // namespace

std::optional<std::pair<std::string, DeviceKeys>> sized_root_disk(
    const CreateGrant& grant, const std::optional<std::pair<std::string, DeviceKeys>>& of_profile) {
  if (!grant.disk_gib || !of_profile || std::ranges::any_of(grant.devices, has_root_path))
    return std::nullopt;
  auto disk = *of_profile;
  disk.second.erase("size");
  if (*grant.disk_gib != 0) disk.second["size"] = std::to_string(*grant.disk_gib) + "GiB";
  if (disk == *of_profile) return std::nullopt;
  return disk;
}

std::string creation_body(const CreateGrant& grant, const std::string& instance,
                          const std::string& mark, ImageSource source,
                          const std::optional<std::pair<std::string, DeviceKeys>>& root_disk) {
  Json config = Json::object();
  for (const CreateEntry& entry : grant.config) config[*entry.key] = *entry.value;
  config[kCreationKey] = mark;
  config[kCreatedByKey] = *grant.created_by;
  Json devices = Json::object();
  if (root_disk) devices[root_disk->first] = root_disk->second;
  for (const CreateDevice& device : grant.devices) devices[*device.name] = keys_of(device.entries);
  const Json body = {{"name", instance},
                     {"type", grant.virtual_machine ? "virtual-machine" : "container"},
                     {"source", source_of(grant, source)},
                     {"ephemeral", grant.ephemeral},
                     {"config", config},
                     {"devices", devices}};
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ssh2incus
