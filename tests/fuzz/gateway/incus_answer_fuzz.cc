// Any bytes as an answer of Incus: what is taken from it can stand in a URL or in one line.
#include <algorithm>

#include "common/check.h"
#include "common/escape.h"
#include "gateway/create_answer.h"
#include "gateway/incus_answer.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto is_plain = [](const std::string& text) {
    return text.find_first_not_of("0123456789abcdef-") == std::string::npos;
  };
  if (const auto info = interpret_instance(body); info.ok()) {
    CHECK(is_plain(info->uuid) && escaped(info->state_text) == info->state_text &&
          escaped(info->architecture) == info->architecture);
  }
  if (const auto exec = interpret_exec(body); exec.ok()) {
    CHECK(is_plain(exec->id) && is_plain(exec->control_secret) && !exec->stdin_secret.empty());
  }
  if (const auto exec = interpret_exec(body, true); exec.ok()) {
    CHECK(is_plain(exec->stdin_secret) && exec->stdout_secret.empty());
  }
  if (const auto id = interpret_operation_id(body); id.ok()) CHECK(is_plain(*id));
  static_cast<void>(interpret_labels(body, {"env"}));
  if (const auto result = interpret_operation(body); result.ok()) {
    CHECK(!result->exit_status || (*result->exit_status >= 0 && *result->exit_status <= 255));
    CHECK(escaped(result->progress) == result->progress);
  }
  if (const auto made = interpret_made_instance(body); made.ok()) {
    static_cast<void>(made->unix_time());
    CHECK(!made->is_older_than(*made));
  }
  static_cast<void>(interpret_made_instances(body));
  static_cast<void>(interpret_image_type(body));
  static_cast<void>(interpret_root_disk(body));
  const std::string text = interpret_error(500, body);
  CHECK(escaped(text) == text && !text.empty());
  return 0;
}
