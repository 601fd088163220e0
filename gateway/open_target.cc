// The common case is one exec and nothing else; only if Incus refuses it, or finds no guest there,
// the instance is looked at.
#include "gateway/open_target.h"

#include "gateway/guest_program.h"
#include "gateway/text.h"
#include "gateway/tmux_push.h"
#include "gateway/user_wait.h"
#include "policy/guest_architecture.h"

namespace ssh2incus {
namespace {

constexpr int kAgainMs = 500;

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

Outcome<GuestProgram> read_program(const std::string& path) {
  auto program = read_guest_program(path);
  if (program.ok()) return std::move(program).value();
  return Failure{TargetFailure::kGuestFailed,
                 "can't read the guest program: " + program.error().message};
}

LaunchAttempt cannot_run(std::string why) {
  LaunchAttempt attempt;
  attempt.kind = LaunchAttempt::Kind::kCannotRun;
  attempt.text = std::move(why);
  return attempt;
}

// Of the host's own architecture first, which is nearly always right; which one the instance has is
// asked for only when something must be stored there.
Outcome<LaunchAttempt> launch(IncusClient& client, Instance& instance, const Target& target,
                              const ipc::OpenRequest& request, const Patience& patience) {
  const auto native = TRY_OUTCOME(read_program(*request.guest_path));
  GuestLauncher launcher(client, target, native, request.guest);
  auto attempt = TRY_OUTCOME(launcher.start_stored(patience));
  if (attempt.kind != LaunchAttempt::Kind::kNoHello) return attempt;
  const auto info = TRY_OUTCOME(instance.look(patience));
  const auto architecture = guest_architecture(info.architecture, info.virtual_machine);
  if (architecture == kNativeArchitecture) return launcher.store_and_start(patience);
  const std::string none = "there is no guest program for " + info.architecture;
  if (!architecture) return cannot_run(none);
  const auto path = *request.guest_path + "." + std::string(*architecture);
  const auto other = read_guest_program(path);
  if (!other.ok()) return cannot_run(none + " (" + other.error().message + ")");
  GuestLauncher other_launcher(client, target, *other, request.guest);
  attempt = TRY_OUTCOME(other_launcher.start_stored(patience));
  if (attempt.kind != LaunchAttempt::Kind::kNoHello) return attempt;
  return other_launcher.store_and_start(patience);
}

Outcome<OpenedTarget> open_existing(IncusClient& client, Instance& instance, const Target& target,
                                    const ipc::OpenRequest& request, UserWait& wait,
                                    const Patience& patience) {
  for (;;) {
    auto attempt = TRY_OUTCOME(launch(client, instance, target, request, patience));
    using Kind = LaunchAttempt::Kind;
    if (attempt.kind == Kind::kReady) {
      auto checked = check_hello(attempt.hello, target, request.guest);
      if (!checked.ok() && TRY_OUTCOME(wait.for_user(checked.failure(), patience))) continue;
      TRY_OUTCOME(std::move(checked));
      if (!request.tmux_path.empty())
        push_tmux_if_missing(client, target, attempt.directory, *request.tmux_path, patience);
      return OpenedTarget{std::move(attempt.streams), attempt.hello.uid, instance.uuid(), {}};
    }
    if (attempt.kind == Kind::kCannotRun) {
      return OpenedTarget{{}, 0, instance.uuid(), std::move(attempt.text)};
    }
    TRY_OUTCOME(instance.make_ready(attempt.text, patience));
  }
}

}  // namespace

Outcome<OpenedTarget> open_target(IncusClient& client, const ipc::OpenRequest& request,
                                  const Progress& progress,
                                  const InstanceCreation::Tell& tell_creation,
                                  const Patience& patience) {
  auto instance_name = InstanceName::parse(*request.instance);
  if (!instance_name.ok()) {
    return Failure{TargetFailure::kNoSuchInstance, instance_name.error().message};
  }
  auto project_name = ProjectName::parse(*request.project);
  if (!project_name.ok()) {
    return Failure{TargetFailure::kNoSuchProject, project_name.error().message};
  }
  const Target target{*instance_name, *project_name};
  TRY_OUTCOME(client.use(request.endpoint));
  bool fresh = false;
  bool start = request.start_if_stopped;
  for (int i = 0;; ++i) {
    if (request.create) {
      InstanceCreation creation(client, target, *request.create, progress, tell_creation);
      TRY_OUTCOME(creation.ensure(patience));
      fresh = creation.is_fresh();
      start = start || creation.was_late();
    }
    Instance instance(client, target, start, progress);
    UserWait wait(client, target, progress, fresh);
    auto opened = open_existing(client, instance, target, request, wait, patience);
    // Whoever was making it has taken it back.
    constexpr int kMostAttempts = 5;
    const bool gone = !opened.ok() && opened.failure().kind == TargetFailure::kNoSuchInstance;
    if (!gone || !request.create || i == kMostAttempts) return opened;
    TRY_OUTCOME(patience.sleep(kAgainMs));
  }
}

}  // namespace ssh2incus
