// The exec and what surrounds it. Nothing of the grant is in the command or its environment: both
// can be read in the host's process list.
#include "gateway/guest_launcher.h"

#include <array>

#include "common/ipc_codec.h"
#include "gateway/exec.h"
#include "gateway/incus_answer.h"
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
    if (!frame.ok()) break;
    if (frame->opcode != Opcode::kBinary && frame->opcode != Opcode::kContinuation) break;
    text.append(frame->payload.begin(), frame->payload.end());
  }
  return cut_text(text);
}

}  // namespace

GuestLauncher::GuestLauncher(IncusClient& client, const Target& target, const GuestProgram& program,
                             const GuestGrant& grant)
    : client_(client), target_(target), program_(program), preface_(preface_for(grant)) {}

Outcome<LaunchAttempt> GuestLauncher::start_stored(const Patience& patience) {
  if (preface_.size() > limits::kMaxGuestGrant) {
    return Failure{TargetFailure::kGuestFailed, "the grant is too long for the guest program"};
  }
  LaunchAttempt attempt{Kind::kNoHello, {}, {}, {}, {}, {}};
  for (const std::string directory : kDirectories) {
    attempt = TRY_OUTCOME(run({directory + "/" + program_.name}, patience));
    attempt.directory = directory;
    if (attempt.kind != Kind::kNoHello) break;
  }
  return attempt;
}

Outcome<LaunchAttempt> GuestLauncher::store_and_start(const Patience& patience) {
  std::vector<LaunchTrial> trials;
  for (const std::string directory : kDirectories) {
    LaunchTrial trial{.directory = directory, .stored = false, .exit_status = {}, .text = {}};
    auto attempt = TRY_OUTCOME(push_and_run(directory, trial, patience));
    attempt.directory = directory;
    if (attempt.kind != Kind::kNoHello) return attempt;
    trial.exit_status = attempt.exit_status;
    trial.text = attempt.text;
    trials.push_back(std::move(trial));
  }
  LaunchAttempt attempt{Kind::kCannotRun, {}, {}, {}, {}, {}};
  if (auto why = why_guest_cannot_run(trials)) {
    attempt.text = std::move(*why);
    return attempt;
  }
  for (const LaunchTrial& trial : trials) {
    if (!trial.text.empty()) return guest_failed(target_, ": " + trial.text);
  }
  return guest_failed(target_, ": it ends without a word");
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
Outcome<LaunchAttempt> GuestLauncher::push_and_run(const std::string& directory, LaunchTrial& trial,
                                                   const Patience& patience) {
  const std::string final_path = directory + "/" + program_.name;
  const std::string temporary = final_path + "." + hexadecimal(random_bytes<8>());
  // Fails if another connection makes it at the same time; the push shows whether it is there.
  const auto made = TRY_OUTCOME(file_request(
      "POST", directory,
      {"X-Incus-type: directory", "X-Incus-mode: 0755", "X-Incus-uid: 0", "X-Incus-gid: 0"}, {},
      patience));
  auto pushed = file_request("POST", temporary,
                             {"X-Incus-type: file", "X-Incus-write: overwrite",
                              "X-Incus-mode: 0755", "X-Incus-uid: 0", "X-Incus-gid: 0"},
                             program_.content, patience);
  LaunchAttempt attempt{Kind::kNoHello, {}, {}, {}, {}, {}};
  // Incus breaks off reading what it can't store: then the directory's error says why.
  const bool broken_off = !pushed.ok() && pushed.failure().kind != TargetFailure::kTimedOut;
  if (!made.ok() && (broken_off || (pushed.ok() && !pushed->ok()))) {
    attempt.text = interpret_error(made.status, made.body);
    return attempt;
  }
  if (!pushed.ok()) return pushed.failure();
  trial.stored = pushed->ok();
  if (trial.stored) {
    attempt = TRY_OUTCOME(run({temporary, "--install", final_path}, patience));
  } else {
    attempt.text = interpret_error(pushed->status, pushed->body);
  }
  if (attempt.kind != Kind::kReady) {
    TRY_OUTCOME(file_request("DELETE", temporary, {}, {}, patience));
  }
  return attempt;
}

Outcome<LaunchAttempt> GuestLauncher::run(const std::vector<std::string>& command,
                                          const Patience& patience) {
  ExecCommand exec;
  exec.arguments = command;
  exec.environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}};
  auto started = TRY_OUTCOME(start_exec(client_, target_, exec, patience));
  if (!started.started()) {
    return LaunchAttempt{Kind::kRefused, {}, {}, std::move(started.refusal), {}, {}};
  }
  auto attempt = TRY_OUTCOME(greet(std::move(started.sockets), patience));
  if (attempt.kind == Kind::kNoHello) {
    attempt.exit_status = TRY_OUTCOME(exec_status(client_, started.operation, patience));
  }
  return attempt;
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
      LaunchAttempt attempt{Kind::kReady, {}, std::move(**hello), {}, {}, {}};
      GuestStreams& streams = attempt.streams;
      const std::array fds = {&streams.input, &streams.output, &streams.errors, &streams.control};
      for (std::size_t i = 0; i < fds.size(); ++i)
        *fds[i] = TRY_OUTCOME(sockets[i].release(client_.pump()));
      return attempt;
    }
    if (reader.ended())
      return LaunchAttempt{Kind::kNoHello, {}, {}, read_errors(sockets[2], patience), {}, {}};
  }
}

}  // namespace ssh2incus
