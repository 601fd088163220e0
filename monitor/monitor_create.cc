// Instances that a login creates: what is decided about them goes into the gateway's grant, and
// what becomes of them into the log.
#include "common/escape.h"
#include "monitor/monitor.h"
#include "policy/create_plan.h"

namespace ssh2incus {
namespace {

struct Step {
  ipc::CreationStep step;
  const char* event;
  LogLevel level;
};
constexpr std::array kSteps = {
    Step{ipc::CreationStep::kBegun, "creation_begun", LogLevel::kNotice},
    Step{ipc::CreationStep::kDone, "instance_created", LogLevel::kNotice},
    Step{ipc::CreationStep::kLeftToOthers, "creation_left_to_others", LogLevel::kInfo},
    Step{ipc::CreationStep::kUndone, "creation_undone", LogLevel::kNotice},
    Step{ipc::CreationStep::kLeft, "creation_not_undone", LogLevel::kError},
};

}  // namespace

// Whoever creates is a user of the host: instances vouch for no login that does.
Result<std::optional<CreateGrant>> Monitor::creation() const {
  if (!target_->create) return std::optional<CreateGrant>();
  if (!host_user_counts() || !config_.create_config) return fail("instances can't be created here");
  const auto plan =
      TRY(plan_creation(*config_.create_config, *target_->create, access_.grant.create));
  CreateGrant grant = TRY(create_grant(*config_.create_config, plan, account_->name));
  grant.must_be_new = decided_on_missing_;
  log_.write(LogLevel::kInfo, "creation_granted",
             {{"target", target_text()},
              {"host_user", account_->name},
              {"login", login_},
              {"rule", access_.rule},
              {"plan", text_of(plan)}});
  return std::optional(std::move(grant));
}

Status Monitor::on_creation(const ipc::CreationNotice& notice) {
  if (!target_->create) return fail("a creation that nobody wanted");
  const auto step = std::ranges::find(kSteps, notice.step, &Step::step);
  CHECK(step != kSteps.end());
  creating_ = notice.step == ipc::CreationStep::kBegun;
  log_.write(step->level, step->event,
             {{"target", target_text()}, {"host_user", account_ ? account_->name : ""}});
  return {};
}

// What an instance that doesn't exist yet will be labelled with.
Labels Monitor::labels_of_creation() const {
  Labels labels;
  if (!target_->create || !config_.create_config) return labels;
  CreateLimits all;
  all.privileged = all.devices = all.raw = true;
  const auto plan = plan_creation(*config_.create_config, *target_->create, all);
  if (!plan.ok()) return labels;
  for (const std::string& name : policy_->label_names()) {
    const auto found = plan->settings.config.find("user." + name);
    if (found != plan->settings.config.end()) labels.emplace(name, found->second);
  }
  return labels;
}

}  // namespace ssh2incus
