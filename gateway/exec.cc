// See exec.h. The command, its arguments and its environment can be read in the host's process
// list.
#include "gateway/exec.h"

#include <nlohmann/json.hpp>

#include "gateway/incus_answer.h"

namespace ssh2incus {
namespace {

constexpr long kNotFound = 404;

Failure no_proper_answer(const Error& error) {
  return {TargetFailure::kIncusError, "Incus gave no proper answer: " + error.message};
}

std::string body_of(const ExecCommand& command) {
  nlohmann::json environment = nlohmann::json::object();
  for (const auto& [name, value] : command.environment) environment[name] = value;
  nlohmann::json body = {
      {"command", command.arguments}, {"environment", std::move(environment)},
      {"wait-for-websocket", true},   {"interactive", command.terminal.has_value()},
      {"user", command.uid},          {"group", command.gid},
      {"cwd", command.directory}};
  if (command.terminal) {
    body["width"] = command.terminal->columns;
    body["height"] = command.terminal->rows;
  }
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Outcome<ExecSocket> begin_socket(const IncusClient& client, const std::string& path,
                                 const Patience& patience) {
  return ExecSocket::begin(TRY_OUTCOME(client.connect(patience)), path, patience);
}

// Control first and alone: with control later, short commands fail under load. Then all others at
// once.
Outcome<std::vector<ExecSocket>> connect_streams(IncusClient& client,
                                                 const ExecOperation& operation,
                                                 const Patience& patience) {
  const auto connect = [&](const std::string& secret) {
    ApiPath path;
    path.part("operations").part(operation.id).part("websocket").query("secret", secret);
    return begin_socket(client, path.str(), patience);
  };
  ExecSocket control = TRY_OUTCOME(connect(operation.control_secret));
  TRY_OUTCOME(control.finish_upgrade(patience));
  std::vector<ExecSocket> sockets;
  for (const auto* secret :
       {&operation.stdin_secret, &operation.stdout_secret, &operation.stderr_secret}) {
    if (!secret->empty()) sockets.push_back(TRY_OUTCOME(connect(*secret)));
  }
  for (ExecSocket& socket : sockets) TRY_OUTCOME(socket.finish_upgrade(patience));
  sockets.push_back(std::move(control));
  return sockets;
}

}  // namespace

Outcome<ExecAttempt> start_exec(IncusClient& client, const Target& target,
                                const ExecCommand& command, const Patience& patience) {
  const std::string body = body_of(command);
  HttpRequest request{.method = "POST", .path = target.path().part("exec"), .body = body};
  request.path.query("project", target.project.str());
  const auto reply = TRY_OUTCOME(client.request(request, patience));
  ExecAttempt attempt;
  if (!reply.ok()) {
    attempt.refusal = interpret_error(reply.status, reply.body);
    return attempt;
  }
  const auto operation = interpret_exec(reply.body, command.terminal.has_value());
  if (!operation.ok()) return no_proper_answer(operation.error());
  attempt.operation = operation->id;
  attempt.sockets = TRY_OUTCOME(connect_streams(client, *operation, patience));
  return attempt;
}

Outcome<ExecState> exec_state(IncusClient& client, const std::string& operation,
                              const Patience& patience) {
  const auto reply =
      TRY_OUTCOME(client.request({.path = ApiPath().part("operations").part(operation)}, patience));
  if (reply.status == kNotFound) return ExecState{true, {}};  // Incus forgets them after 5 s
  if (!reply.ok()) {
    return Failure{TargetFailure::kIncusError, interpret_error(reply.status, reply.body)};
  }
  auto result = interpret_operation(reply.body);
  if (!result.ok()) return no_proper_answer(result.error());
  return ExecState{result->finished, result->exit_status};
}

Outcome<std::optional<int>> exec_status(IncusClient& client, const std::string& operation,
                                        const Patience& patience) {
  constexpr int kTries = 50;
  constexpr int kPauseMs = 20;
  for (int i = 0; i < kTries; ++i) {
    const auto state = TRY_OUTCOME(exec_state(client, operation, patience));
    if (state.ended || state.status) return state.status;
    TRY_OUTCOME(patience.sleep(kPauseMs));
  }
  return std::optional<int>();
}

}  // namespace ssh2incus
