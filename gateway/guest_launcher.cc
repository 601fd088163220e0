// The exec and what surrounds it. Nothing of the grant is in the command or its environment: both
// can be read in the host's process list.
#include "gateway/guest_launcher.h"

#include <array>
#include <nlohmann/json.hpp>

#include "common/ipc_codec.h"
#include "gateway/random.h"
#include "gateway/text.h"

namespace ssh2incus {
namespace {

// Where the guest lives in an instance: directories whose parents only root can write, so that no
// other user can put something there that root would run.
constexpr std::array kDirectories = {"/run/ssh2incus", "/var/lib/ssh2incus"};

using Kind = LaunchAttempt::Kind;

Failure guest_failed(const Target& target, const std::string& why) {
  return {TargetFailure::kGuestFailed, "the guest program doesn't run in " + target.text() + why};
}

std::string exec_body(const std::vector<std::string>& command) {
  const nlohmann::json body = {
      {"command", command},
      {"environment", {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}},
      {"wait-for-websocket", true},
      {"interactive", false},
      {"user", 0},
      {"group", 0},
      {"cwd", "/"}};
  return body.dump();
}

Bytes preface_for(const GuestGrant& grant) {
  const Bytes encoded = ipc::encode_fields(grant);
  ipc::Writer writer;
  writer.put(static_cast<std::uint32_t>(encoded.size()));
  Bytes preface = writer.take();
  preface.insert(preface.end(), encoded.begin(), encoded.end());
  return preface;
}

// What the ended command said, for the message.
std::string read_errors(ExecSocket& socket, const Patience& patience) {
  constexpr int kErrorsMs = 1000;
  const Patience shorter = patience.at_most(kErrorsMs);
  std::string text;
  while (text.size() < kMaxForeignText) {
    auto frame = socket.receive_frame(shorter);
    if (!frame.ok() || frame->opcode != Opcode::kBinary) break;
    text.append(frame->payload.begin(), frame->payload.end());
  }
  return cut_text(text);
}

}  // namespace

GuestLauncher::GuestLauncher(IncusClient& client, const Target& target, const GuestProgram& program,
                             const GuestGrant& grant)
    : client_(client), target_(target), program_(program), preface_(preface_for(grant)) {}

Outcome<LaunchAttempt> GuestLauncher::launch(const Patience& patience) {
  if (preface_.size() > limits::kMaxGuestGrant) {
    return Failure{TargetFailure::kGuestFailed, "the grant is too long for the guest program"};
  }
  for (const std::string directory : kDirectories) {
    auto attempt = TRY_OUTCOME(run({directory + "/" + program_.name}, patience));
    attempt.directory = directory;
    if (attempt.kind != Kind::kNoHello) return attempt;
  }
  std::string reason;
  for (const std::string directory : kDirectories) {
    auto attempt = TRY_OUTCOME(push_and_run(directory, patience));
    attempt.directory = directory;
    if (attempt.kind != Kind::kNoHello) return attempt;
    if (reason.empty() && !attempt.text.empty()) reason = ": " + attempt.text;
  }
  if (reason.empty()) reason = ": nothing can be executed from /run or /var/lib there";
  return guest_failed(target_, reason);
}

Outcome<HttpReply> GuestLauncher::file_request(const char* method, const std::string& path,
                                               std::vector<std::string> headers,
                                               std::string_view content, const Patience& patience) {
  HttpRequest request{.method = method,
                      .path = target_.path().part("files"),
                      // Anything that looks like a form would be taken for one: an empty file.
                      .content_type = "application/octet-stream",
                      .body = content,
                      .headers = std::move(headers)};
  request.path.query("project", target_.project.str()).query("path", path);
  return client_.request(request, patience);
}

// The binary gets its final name by the guest itself, once it runs: no half file is ever started,
// and of many connections at once each pushes under a name of its own.
Outcome<LaunchAttempt> GuestLauncher::push_and_run(const std::string& directory,
                                                   const Patience& patience) {
  const std::string final_path = directory + "/" + program_.name;
  const std::string temporary = final_path + "." + hexadecimal(random_bytes<8>());
  // Fails if another connection makes it at the same time; the push shows whether it is there.
  TRY_OUTCOME(file_request(
      "POST", directory,
      {"X-Incus-type: directory", "X-Incus-mode: 0755", "X-Incus-uid: 0", "X-Incus-gid: 0"}, {},
      patience));
  const auto pushed =
      TRY_OUTCOME(file_request("POST", temporary,
                               {"X-Incus-type: file", "X-Incus-write: overwrite",
                                "X-Incus-mode: 0755", "X-Incus-uid: 0", "X-Incus-gid: 0"},
                               program_.content, patience));
  LaunchAttempt attempt{Kind::kNoHello, {}, {}, {}, {}};
  if (pushed.ok()) {
    attempt = TRY_OUTCOME(run({temporary, "--install", final_path}, patience));
  } else {
    attempt.text = interpret_error(pushed.status, pushed.body);
  }
  if (attempt.kind != Kind::kReady) {
    TRY_OUTCOME(file_request("DELETE", temporary, {}, {}, patience));
  }
  return attempt;
}

Outcome<LaunchAttempt> GuestLauncher::run(const std::vector<std::string>& command,
                                          const Patience& patience) {
  const std::string body = exec_body(command);
  HttpRequest request{.method = "POST", .path = target_.path().part("exec"), .body = body};
  request.path.query("project", target_.project.str());
  const auto reply = TRY_OUTCOME(client_.request(request, patience));
  if (!reply.ok()) {
    return LaunchAttempt{Kind::kRefused, {}, {}, interpret_error(reply.status, reply.body), {}};
  }
  const auto operation = interpret_exec(reply.body);
  if (!operation.ok()) {
    return Failure{TargetFailure::kIncusError,
                   "Incus gave no proper answer: " + operation.error().message};
  }
  return greet(TRY_OUTCOME(connect_streams(*operation, patience)), patience);
}

// Control first and alone: with control later, short commands fail under load. Then stdin, stdout
// and stderr at once.
Outcome<std::vector<ExecSocket>> GuestLauncher::connect_streams(const ExecOperation& operation,
                                                                const Patience& patience) {
  const auto connect = [&](const std::string& secret) {
    ApiPath path;
    path.part("operations").part(operation.id).part("websocket").query("secret", secret);
    return ExecSocket::connect(client_.socket_path(), path.str(), patience);
  };
  ExecSocket control = TRY_OUTCOME(connect(operation.control_secret));
  TRY_OUTCOME(control.finish_upgrade(patience));
  std::vector<ExecSocket> sockets;
  for (const auto* secret :
       {&operation.stdin_secret, &operation.stdout_secret, &operation.stderr_secret}) {
    sockets.push_back(TRY_OUTCOME(connect(*secret)));
  }
  for (ExecSocket& socket : sockets) TRY_OUTCOME(socket.finish_upgrade(patience));
  sockets.push_back(std::move(control));
  return sockets;
}

Outcome<LaunchAttempt> GuestLauncher::greet(std::vector<ExecSocket> sockets,
                                            const Patience& patience) {
  const Patience hello_patience = patience.at_most(limits::kGuestHelloMs);
  // If the command has ended already this fails; stdout tells that too, and what it said.
  auto sent = sockets[0].send_frame(Opcode::kBinary, preface_, hello_patience);
  if (!sent.ok() && sent.failure().kind == TargetFailure::kTimedOut) return sent.failure();
  HelloReader reader;
  for (;;) {
    auto frame = sockets[1].receive_frame(hello_patience);
    if (!frame.ok()) {
      if (frame.failure().kind != TargetFailure::kTimedOut) return frame.failure();
      return Failure{TargetFailure::kTimedOut,
                     "the guest program in " + target_.text() + " doesn't answer"};
    }
    auto hello = reader.take(*frame);
    if (!hello.ok()) return guest_failed(target_, ": " + hello.error().message);
    if (*hello) {
      return LaunchAttempt{
          Kind::kReady,
          {sockets[0].release(), sockets[1].release(), sockets[2].release(), sockets[3].release()},
          std::move(**hello),
          {},
          {}};
    }
    if (reader.ended())
      return LaunchAttempt{Kind::kNoHello, {}, {}, read_errors(sockets[2], patience), {}};
  }
}

}  // namespace ssh2incus
