// See incus_answer.h and, for how JSON is read, json_reading.h.
#include "gateway/incus_answer.h"

#include <algorithm>
#include <array>

#include "common/limits.h"
#include "gateway/json_reading.h"
#include "gateway/text.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxId = 128;

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxId && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-';
  });
}

Result<std::string> id_of(const Json* object, const char* name) {
  const std::string* text = json_text(object, name);
  if (text == nullptr || !is_id(*text)) return fail(std::string("no proper ") + name);
  return *text;
}

Result<std::string> operation_id(const Json& answer) {
  constexpr std::string_view kPrefix = "/1.0/operations/";
  const std::string* path = json_text(&answer, "operation");
  if (path == nullptr || !path->starts_with(kPrefix)) return fail("no operation in its answer");
  // A member of a cluster that has passed the request on appends "?project=...".
  std::string id = path->substr(kPrefix.size(), path->find('?') - kPrefix.size());
  if (!is_id(id)) return fail("no operation in its answer");
  return id;
}

// "70% (48.10MB/s)", perhaps after what it is about: "rootfs: 70% (48.10MB/s)".
std::string progress_text(const Json* details) {
  constexpr std::array<std::pair<const char*, const char*>, 2> kStages = {
      {{"create_instance_from_image_unpack_progress", "unpacking the image: "},
       {"download_progress", "downloading the image: "}}};
  for (const auto& [key, words] : kStages) {
    const std::string* text = json_text(details, key);
    if (text == nullptr || text->empty()) continue;
    const std::size_t colon = text->find(": ");
    return words + cut_text(colon == std::string::npos ? *text : text->substr(colon + 2));
  }
  return {};
}

InstanceState state_named(std::string_view name) {
  // "Ready" is a running one that has said so.
  if (name == "Running" || name == "Ready") return InstanceState::kRunning;
  if (name == "Stopped") return InstanceState::kStopped;
  if (name == "Frozen") return InstanceState::kFrozen;
  return InstanceState::kOther;
}

}  // namespace

Result<bool> interpret_server(std::string_view body) {
  const Json answer = parse_json(body);
  const std::string* trust = json_text(json_member(&answer, "metadata"), "auth");
  if (trust == nullptr) return fail("no server in its answer");
  return *trust == "trusted";
}

Result<InstanceInfo> interpret_instance(std::string_view body) {
  const Json answer = parse_json(body);
  const Json* metadata = json_member(&answer, "metadata");
  const std::string* state = json_text(metadata, "status");
  const std::string* type = json_text(metadata, "type");
  if (state == nullptr || type == nullptr) return fail("no instance in its answer");
  InstanceInfo info;
  info.state = state_named(*state);
  info.state_text = cut_text(*state);
  info.virtual_machine = *type == "virtual-machine";
  if (const std::string* name = json_text(metadata, "architecture")) {
    info.architecture = cut_text(*name);
  }
  const std::string* uuid = json_text(json_member(metadata, "config"), "volatile.uuid");
  if (uuid != nullptr && uuid->size() <= 64 && is_id(*uuid)) info.uuid = *uuid;
  return info;
}

Result<std::map<std::string, std::string>> interpret_labels(std::string_view body,
                                                            const std::vector<std::string>& names) {
  const Json answer = parse_json(body);
  const Json* config = json_member(json_member(&answer, "metadata"), "expanded_config");
  if (config == nullptr || !config->is_object()) return fail("no configuration in its answer");
  std::map<std::string, std::string> labels;
  for (const std::string& name : names) {
    const Json* value = json_member(config, ("user." + name).c_str());
    if (value == nullptr) continue;
    const auto* text = value->get_ptr<const std::string*>();
    if (text == nullptr) return fail("user." + name + " is no text");
    if (text->size() > limits::kMaxLabelValue) return fail("user." + name + " is too long");
    labels.emplace(name, *text);
  }
  return labels;
}

Result<ExecOperation> interpret_exec(std::string_view body, bool terminal) {
  const Json answer = parse_json(body);
  ExecOperation operation;
  operation.id = TRY(operation_id(answer));
  const Json* fds = json_member(json_member(json_member(&answer, "metadata"), "metadata"), "fds");
  operation.stdin_secret = TRY(id_of(fds, "0"));
  if (!terminal) {
    operation.stdout_secret = TRY(id_of(fds, "1"));
    operation.stderr_secret = TRY(id_of(fds, "2"));
  }
  operation.control_secret = TRY(id_of(fds, "control"));
  return operation;
}

Result<std::string> interpret_operation_id(std::string_view body) {
  return operation_id(parse_json(body));
}

Result<OperationResult> interpret_operation(std::string_view body) {
  constexpr std::int64_t kMostStatus = 255;
  constexpr std::int64_t kSuccess = 200;  // Incus's own codes; below it is in progress
  const Json answer = parse_json(body);
  const Json* metadata = json_member(&answer, "metadata");
  const auto code = json_number(metadata, "status_code");
  if (!code) return fail("no operation in its answer");
  OperationResult result;
  result.finished = *code >= kSuccess;
  result.succeeded = *code == kSuccess;
  if (const std::string* error = json_text(metadata, "err")) result.error = cut_text(*error);
  result.progress = progress_text(json_member(metadata, "metadata"));
  const auto status = json_number(json_member(metadata, "metadata"), "return");
  if (status && *status >= 0 && *status <= kMostStatus) {
    result.exit_status = static_cast<int>(*status);
  }
  return result;
}

std::string interpret_error(long http_status, std::string_view body) {
  const Json answer = parse_json(body);
  const std::string* error = json_text(&answer, "error");
  if (error != nullptr && !error->empty()) return cut_text(*error);
  return "HTTP status " + std::to_string(http_status);
}

}  // namespace ssh2incus
