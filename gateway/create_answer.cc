// See create_answer.h.
#include "gateway/create_answer.h"

#include <array>

#include "gateway/json_reading.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxText = 1024;

std::string short_text(const Json* object, const char* name) {
  const std::string* text = json_text(object, name);
  return text == nullptr || text->size() > kMaxText ? std::string() : *text;
}

MadeInstance made_instance(const Json* instance) {
  MadeInstance made;
  made.mark = short_text(json_member(instance, "config"), kCreationKey);
  made.created_at = short_text(instance, "created_at");
  if (!made.created_at.ends_with('Z')) {
    made.created_at.clear();
  } else {
    made.created_at.pop_back();  // so that fractions of any length compare as text
  }
  return made;
}

}  // namespace

// "2026-11-28T17:34:36.824590369", without the calendar of libc, which reads files.
std::optional<std::chrono::seconds> MadeInstance::unix_time() const {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (created_at.size() < kForm.size()) return std::nullopt;
  std::array<int, 6> parts{};
  std::size_t part = 0;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const char c = created_at[i];
    if (kForm[i] != 'd') {
      if (c != kForm[i]) return std::nullopt;
      ++part;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    parts[part] = parts[part] * 10 + (c - '0');
  }
  const std::chrono::year_month_day day{std::chrono::year(parts[0]),
                                        std::chrono::month(static_cast<unsigned>(parts[1])),
                                        std::chrono::day(static_cast<unsigned>(parts[2]))};
  if (!day.ok()) return std::nullopt;
  return std::chrono::sys_days(day).time_since_epoch() + std::chrono::hours(parts[3]) +
         std::chrono::minutes(parts[4]) + std::chrono::seconds(parts[5]);
}

bool MadeInstance::is_older_than(const MadeInstance& other) const {
  return !created_at.empty() && created_at < other.created_at;
}

Result<MadeInstance> interpret_made_instance(std::string_view body) {
  const Json answer = parse_json(body);
  const Json* metadata = json_member(&answer, "metadata");
  if (metadata == nullptr || !metadata->is_object()) return fail("no instance in its answer");
  return made_instance(metadata);
}

Result<std::vector<MadeInstance>> interpret_made_instances(std::string_view body) {
  const Json answer = parse_json(body);
  const Json* metadata = json_member(&answer, "metadata");
  if (metadata == nullptr || !metadata->is_array()) return fail("no instances in its answer");
  std::vector<MadeInstance> instances;
  for (const Json& instance : *metadata) instances.push_back(made_instance(&instance));
  return instances;
}

Result<std::string> interpret_image_type(std::string_view body) {
  const Json answer = parse_json(body);
  const std::string* type = json_text(json_member(&answer, "metadata"), "type");
  if (type == nullptr || type->size() > kMaxText) return fail("no image in its answer");
  return *type;
}

Result<std::optional<std::pair<std::string, DeviceKeys>>> interpret_root_disk(
    std::string_view body) {
  using Root = std::optional<std::pair<std::string, DeviceKeys>>;
  const Json answer = parse_json(body);
  const Json* devices = json_member(json_member(&answer, "metadata"), "devices");
  if (devices == nullptr || !devices->is_object()) return fail("no profile in its answer");
  for (const auto& [name, device] : devices->items()) {
    if (short_text(&device, "type") != "disk" || short_text(&device, "path") != "/") continue;
    DeviceKeys keys;
    for (const auto& [key, value] : device.items()) {
      const auto* text = value.get_ptr<const std::string*>();
      if (text == nullptr) return fail("no proper root disk in its answer");
      keys[key] = *text;
    }
    return Root(std::in_place, name, std::move(keys));
  }
  return Root();
}

}  // namespace ssh2incus
