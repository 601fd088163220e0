// The states of an instance and the way out of them.
#include "gateway/instance.h"

#include "gateway/endpoint_check.h"
#include "gateway/operation.h"
#include "gateway/text.h"

namespace ssh2incus {
namespace {

constexpr int kPollMs = 200;

Failure no_sense(const std::string& what) {
  return {TargetFailure::kIncusError, "Incus gave no proper answer: " + what};
}

}  // namespace

Instance::Instance(IncusClient& client, Target target, bool start_if_stopped, Progress progress)
    : client_(client),
      target_(std::move(target)),
      start_if_stopped_(start_if_stopped),
      progress_(std::move(progress)) {}

void Instance::tell_once(const std::string& text) {
  if (text == told_) return;
  told_ = text;
  progress_(text, false);
}

Failure Instance::cannot_start(const std::string& reason) const {
  return {TargetFailure::kCannotStart, "can't start " + target_.text() + ": " + reason};
}

Failure Instance::why_refused(const HttpReply& reply, const Patience& patience) {
  const std::string& project = target_.project.str();
  if (client_.is_remote()) {
    // Somebody who isn't trusted is told "forbidden" about everything.
    const auto checked = check_endpoint(client_, patience);
    if (!checked.ok()) return checked.failure();
  }
  if (reply.status != 404) {
    return {TargetFailure::kIncusError, "Incus said about " + target_.text() + ": " +
                                            interpret_error(reply.status, reply.body)};
  }
  auto found = client_.request({.path = ApiPath().part("projects").part(project)}, patience);
  if (!found.ok()) return found.failure();
  if (found->status == 404) {
    return {TargetFailure::kNoSuchProject, "no such project: " + project};
  }
  return {TargetFailure::kNoSuchInstance,
          "no such instance: " + target_.instance.str() + " in project " + project};
}

Outcome<HttpReply> Instance::get(const Patience& patience, bool in_full) {
  HttpRequest request{.path = target_.path()};
  request.path.query("project", target_.project.str());
  if (in_full) request.path.query("recursion", "1");
  auto reply = TRY_OUTCOME(client_.request(request, patience));
  if (!reply.ok()) return why_refused(reply, patience);
  return reply;
}

Outcome<std::map<std::string, std::string>> Instance::labels(const std::vector<std::string>& names,
                                                             const Patience& patience) {
  const auto reply = TRY_OUTCOME(get(patience));
  auto found = interpret_labels(reply.body, names);
  if (!found.ok()) return no_sense(found.error().message);
  return std::move(found).value();
}

Outcome<InstanceInfo> Instance::look(const Patience& patience) {
  const auto reply = TRY_OUTCOME(get(patience));
  auto info = interpret_instance(reply.body);
  if (!info.ok()) return no_sense(info.error().message);
  uuid_ = info->uuid;
  return std::move(info).value();
}

Outcome<Done> Instance::make_ready(const std::string& refusal, const Patience& patience) {
  const auto info = TRY_OUTCOME(look(patience));
  switch (info.state) {
    case InstanceState::kRunning: {
      // It has been started meanwhile, or the agent in a virtual machine isn't there yet.
      constexpr int kMaxRefusals = 3;
      if (!info.virtual_machine && ++refusals_while_running_ > kMaxRefusals) {
        return Failure{TargetFailure::kIncusError,
                       "Incus runs no command in " + target_.text() + ": " + refusal};
      }
      if (info.virtual_machine) tell_once("waiting for the agent in " + target_.text());
      break;
    }
    case InstanceState::kStopped:
      if (!start_if_stopped_) return cannot_start("it is stopped, and starting it isn't allowed");
      return start(patience.at_most(limits::kInstanceStartMs));
    case InstanceState::kFrozen:
      return Failure{TargetFailure::kInstanceFrozen, target_.text() + " is frozen"};
    case InstanceState::kOther:
      tell_once(target_.text() + " is in state " + info.state_text);
      break;
  }
  if (patience.left_ms() == 0) {
    return Failure{TargetFailure::kTimedOut, target_.text() + " doesn't get ready: " + refusal};
  }
  return patience.sleep(kPollMs);
}

// Another connection may start it at the same time: then this attempt fails, and the next look at
// the instance tells.
Outcome<Done> Instance::start(const Patience& patience) {
  tell_once("starting " + target_.text());
  HttpRequest request{.method = "PUT",
                      .path = target_.path().part("state"),
                      .body = R"({"action":"start","timeout":-1,"force":false})"};
  request.path.query("project", target_.project.str());
  auto result = run_operation(client_, request, patience);
  if (!result.ok()) {
    if (result.failure().kind != TargetFailure::kTimedOut) return result.failure();
    return cannot_start("it takes too long");
  }
  if (result->succeeded) return Done{};
  const std::string& reason = result->error;
  const auto info = TRY_OUTCOME(look(patience));
  // Busy with somebody else's start: wait for it.
  const bool busy = reason.find("busy running") != std::string::npos;
  if (info.state == InstanceState::kStopped && !busy) return cannot_start(reason);
  return patience.sleep(kPollMs);
}

}  // namespace ssh2incus
