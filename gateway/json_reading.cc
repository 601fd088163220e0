// See json_reading.h.
#include "gateway/json_reading.h"

namespace ssh2incus {

Json parse_json(std::string_view body) { return Json::parse(body, nullptr, false); }

const Json* json_member(const Json* object, const char* name) {
  if (object == nullptr || !object->is_object()) return nullptr;
  const auto found = object->find(name);
  return found == object->end() ? nullptr : &*found;
}

const std::string* json_text(const Json* object, const char* name) {
  const Json* value = json_member(object, name);
  return value == nullptr ? nullptr : value->get_ptr<const std::string*>();
}

std::optional<std::int64_t> json_number(const Json* object, const char* name) {
  const Json* value = json_member(object, name);
  if (value == nullptr || !value->is_number_integer()) return std::nullopt;
  if (const auto* number = value->get_ptr<const Json::number_integer_t*>()) return *number;
  return std::nullopt;
}

bool json_flag(const Json* object, const char* name) {
  const Json* value = json_member(object, name);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

}  // namespace ssh2incus
