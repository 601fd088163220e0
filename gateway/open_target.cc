// The common case is one exec and nothing else; only if Incus refuses it, the instance is looked
// at.
#include "gateway/open_target.h"

#include "gateway/text.h"
#include "gateway/tmux_push.h"

namespace ssh2incus {
namespace {

Outcome<Done> check_hello(const GuestHello& hello, const Target& target, const GuestGrant& grant) {
  switch (hello.outcome) {
    case GuestOutcome::kReady: return Done{};
    case GuestOutcome::kNoSuchUser:
      return Failure{TargetFailure::kNoSuchUser,
                     "no such user in " + target.text() + ": " + cut_text(*grant.user)};
    case GuestOutcome::kBadGrant:
    case GuestOutcome::kInternalError: break;
  }
  return Failure{TargetFailure::kGuestFailed,
                 "the guest program in " + target.text() + " gave up: " + cut_text(*hello.message)};
}

}  // namespace

Outcome<OpenedTarget> open_target(IncusClient& client, const ipc::OpenRequest& request,
                                  const Progress& progress, const Patience& patience) {
  auto instance_name = InstanceName::parse(*request.instance);
  if (!instance_name.ok()) {
    return Failure{TargetFailure::kNoSuchInstance, instance_name.error().message};
  }
  auto project_name = ProjectName::parse(*request.project);
  if (!project_name.ok()) {
    return Failure{TargetFailure::kNoSuchProject, project_name.error().message};
  }
  const Target target{*instance_name, *project_name};
  const auto program = read_guest_program(*request.guest_path);
  if (!program.ok()) {
    return Failure{TargetFailure::kGuestFailed,
                   "can't read the guest program: " + program.error().message};
  }
  client.use_socket(*request.socket_path);
  Instance instance(client, target, request.start_if_stopped, progress);
  GuestLauncher launcher(client, target, *program, request.guest);
  for (;;) {
    auto attempt = TRY_OUTCOME(launcher.launch(patience));
    if (attempt.kind == LaunchAttempt::Kind::kReady) {
      TRY_OUTCOME(check_hello(attempt.hello, target, request.guest));
      if (!request.tmux_path.empty())
        push_tmux_if_missing(client, target, attempt.directory, *request.tmux_path, patience);
      return OpenedTarget{std::move(attempt.streams), attempt.hello.uid, instance.uuid()};
    }
    TRY_OUTCOME(instance.make_ready(attempt.text, patience));
  }
}

}  // namespace ssh2incus
