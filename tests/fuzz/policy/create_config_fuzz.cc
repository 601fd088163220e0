// Any text as create-config.yaml: either problems or a configuration of which every plan is
// bounded, and within limits that allow nothing has nothing that touches the host.
#include "common/check.h"
#include "common/ipc_codec.h"
#include "policy/create_plan.h"
#include "policy/ssh_wire.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text({data, size});
  IncludedFiles files;
  for (const std::string& name : included_files(text)) {
    CHECK(!name.starts_with('/') && ("/" + name + "/").find("/../") == std::string::npos);
    files.emplace(name, std::string("content of a file\n"));
  }
  const ParsedCreateConfig parsed = parse_create_config(text, files);
  CreateOptions login;
  login.image = "images:a/b";
  for (const auto& [name, profile] : parsed.config.profiles) {
    if (login.profiles.size() < 3) login.profiles.push_back(name);
  }
  CreateLimits nothing;
  nothing.nested = nothing.virtual_machine = false;
  const auto plan = plan_creation(parsed.config, login, nothing);
  if (!plan.ok()) return 0;
  for (const auto& [key, value] : plan->settings.config)
    CHECK(power_of(key, value) == ConfigPower::kNone);
  for (const auto& [name, device] : plan->settings.devices) CHECK(is_root_disk(device));
  const auto grant = create_grant(parsed.config, *plan, "anna");
  if (grant.ok()) CHECK(ipc::encode_fields(*grant).size() <= limits::kMaxCreateGrant);
  return 0;
}
