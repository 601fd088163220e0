// What Incus's answers mean: JSON in, checked values out. The bodies are capped by the client;
// apart from that they are hostile: every type is checked, every name that will be used is
// validated.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "policy/trusted_file.h"

namespace ssh2incus {

enum class InstanceState : std::uint8_t { kRunning, kStopped, kFrozen, kOther };

struct InstanceInfo {
  InstanceState state = InstanceState::kOther;
  std::string state_text;  // as Incus calls it, fit for a message
  bool virtual_machine = false;
  std::string architecture;  // as Incus calls it, fit for a message
  std::string uuid;          // empty if it has none
};

// An exec that waits for its websockets. The id and the secrets consist of hexadecimal digits (and
// hyphens): they can stand in a URL as they are.
struct ExecOperation {
  std::string id;
  std::string stdin_secret;   // on a terminal: the terminal's
  std::string stdout_secret;  // on a terminal: empty
  std::string stderr_secret;  // the same
  std::string control_secret;
};

struct OperationResult {
  bool finished = false;
  bool succeeded = false;
  std::string error;               // fit for a message
  std::optional<int> exit_status;  // 0..255, of an exec that has ended
  std::string progress;            // of an image, fit for a message; empty: none is told
};

// Whether the server trusts who asks.
Result<bool> interpret_server(std::string_view body);
Result<InstanceInfo> interpret_instance(std::string_view body);
// user.NAME of the instance's configuration, profiles included, for each of the names that is set;
// an error if one is longer than limits::kMaxLabelValue.
Result<std::map<std::string, std::string>> interpret_labels(std::string_view body,
                                                            const std::vector<std::string>& names);
Result<ExecOperation> interpret_exec(std::string_view body, bool terminal = false);
// The id of the operation that a request has started.
Result<std::string> interpret_operation_id(std::string_view body);
// The answer to a wait for an operation.
Result<OperationResult> interpret_operation(std::string_view body);
// The header lines of an answer about a file: each of Incus's own exactly once.
Result<FileFacts> interpret_file_head(std::string_view head);
// The reason in an error answer, fit for a message; something general if there is none.
std::string interpret_error(long http_status, std::string_view body);

}  // namespace ssh2incus
