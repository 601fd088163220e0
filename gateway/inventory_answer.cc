// See inventory_answer.h.
#include "gateway/inventory_answer.h"

#include <algorithm>

#include "common/names.h"
#include "gateway/json_reading.h"
#include "gateway/text.h"
#include "policy/ip_address.h"

namespace ssh2incus {
namespace {

Result<std::vector<ipc::InstanceLabel>> labels_of(const Json* instance,
                                                  const std::vector<std::string>& names) {
  const Json* config = json_member(instance, "expanded_config");
  std::vector<ipc::InstanceLabel> labels;
  for (const std::string& name : names) {
    const std::string* value = json_text(config, ("user." + name).c_str());
    if (value == nullptr) continue;
    if (value->size() > limits::kMaxLabelValue) return fail("user." + name + " is too long");
    labels.push_back({name, *value});
  }
  return labels;
}

// Of scope "global": no loopback, no link-local ones.
std::vector<BoundedString<64>> addresses_of(const Json* instance) {
  std::vector<BoundedString<64>> addresses;
  const Json* network = json_member(json_member(instance, "state"), "network");
  if (network == nullptr || !network->is_object()) return addresses;
  for (const Json& interface : *network) {
    const Json* list = json_member(&interface, "addresses");
    if (list == nullptr || !list->is_array()) continue;
    for (const Json& entry : *list) {
      const std::string* scope = json_text(&entry, "scope");
      const std::string* text = json_text(&entry, "address");
      if (scope == nullptr || *scope != "global" || text == nullptr) continue;
      const auto address = IpAddress::parse(*text);
      if (address && addresses.size() < limits::kMaxListedAddresses)
        addresses.emplace_back(address->text());
    }
  }
  return addresses;
}

bool is_virtual_machine(const Json* instance) {
  const std::string* type = json_text(instance, "type");
  return type != nullptr && *type == "virtual-machine";
}

Result<ipc::ListedInstance> listed(const Json& instance,
                                   const std::vector<std::string>& label_names) {
  const std::string* name = json_text(&instance, "name");
  const std::string* project = json_text(&instance, "project");
  const std::string* state = json_text(&instance, "status");
  if (name == nullptr || project == nullptr || state == nullptr) return fail("no instance");
  ipc::ListedInstance result;
  result.instance = TRY(InstanceName::parse(*name)).str();
  result.project = TRY(ProjectName::parse(*project)).str();
  result.state = truncated<32>(cut_text(*state));
  result.virtual_machine = is_virtual_machine(&instance);
  result.addresses = addresses_of(&instance);
  result.labels = TRY(labels_of(&instance, label_names));
  return result;
}

}  // namespace

Result<std::vector<ipc::ListedInstance>> interpret_instance_list(
    std::string_view body, const std::vector<std::string>& label_names) {
  const Json answer = parse_json(body);
  const Json* instances = json_member(&answer, "metadata");
  if (instances == nullptr || !instances->is_array()) return fail("no list in its answer");
  if (instances->size() > limits::kMaxListedInstances) return fail("too many instances");
  std::vector<ipc::ListedInstance> result;
  for (const Json& instance : *instances) result.push_back(TRY(listed(instance, label_names)));
  return result;
}

Result<ExaminedInstance> interpret_examined(std::string_view body,
                                            const std::vector<std::string>& label_names) {
  const Json answer = parse_json(body);
  const Json* instance = json_member(&answer, "metadata");
  const std::string* state = json_text(instance, "status");
  if (state == nullptr) return fail("no instance in its answer");
  ExaminedInstance result;
  result.running = *state != "Stopped";
  result.facts.state = truncated<32>(cut_text(*state));
  result.facts.virtual_machine = is_virtual_machine(instance);
  result.facts.ephemeral = json_flag(instance, "ephemeral");
  if (const std::string* text = json_text(instance, "created_at"))
    result.facts.created = truncated<64>(cut_text(*text));
  if (const std::string* text = json_text(instance, "description"))
    result.facts.description = truncated<256>(cut_text(*text));
  const Json* snapshots = json_member(instance, "snapshots");
  if (snapshots != nullptr && snapshots->is_array())
    result.facts.snapshots = static_cast<std::uint32_t>(snapshots->size());
  const Json* config = json_member(instance, "expanded_config");
  const std::string* guard = json_text(config, "security.protection.delete");
  result.facts.is_protected = guard != nullptr && (*guard == "true" || *guard == "1");
  if (const std::string* uuid = json_text(json_member(instance, "config"), "volatile.uuid"))
    result.uuid = *uuid;
  result.facts.labels = TRY(labels_of(instance, label_names));
  return result;
}

}  // namespace ssh2incus
