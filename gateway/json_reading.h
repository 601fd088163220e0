// JSON of Incus, read without exceptions: parsed with them off, looked at only through pointers
// that are null where the type is wrong.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace ssh2incus {

using Json = nlohmann::json;

// A value of type "discarded", which has no members, if it isn't JSON.
Json parse_json(std::string_view body);
// A member of an object, or null.
const Json* json_member(const Json* object, const char* name);
const std::string* json_text(const Json* object, const char* name);
std::optional<std::int64_t> json_number(const Json* object, const char* name);
// False if it isn't there or no boolean.
bool json_flag(const Json* object, const char* name);

}  // namespace ssh2incus
