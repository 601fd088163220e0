// See inventory.h.
#include "gateway/inventory.h"

#include "gateway/instance.h"
#include "gateway/operation.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMostOfAList = 24UL * 1024 * 1024;

Failure no_sense(const std::string& what) {
  return {TargetFailure::kIncusError, "Incus gave no proper answer: " + what};
}

std::vector<std::string> texts(const auto& names) {
  std::vector<std::string> result;
  for (const auto& name : names) result.push_back(*name);
  return result;
}

Outcome<Target> target_of(const ipc::ExamineRequest& request) {
  auto instance = InstanceName::parse(*request.instance);
  if (!instance.ok()) return Failure{TargetFailure::kNoSuchInstance, instance.error().message};
  auto project = ProjectName::parse(*request.project);
  if (!project.ok()) return Failure{TargetFailure::kNoSuchProject, project.error().message};
  return Target{*instance, *project};
}

}  // namespace

Outcome<std::vector<ipc::ListedInstance>> Inventory::list(const ipc::ListRequest& request,
                                                          const Patience& patience) {
  TRY_OUTCOME(client_.use(request.endpoint));
  HttpRequest get{.path = ApiPath().part("instances"), .max_answer = kMostOfAList};
  get.path.query("recursion", "2").query("all-projects", "true");
  const auto reply = TRY_OUTCOME(client_.request(get, patience));
  if (!reply.ok()) {
    return Failure{TargetFailure::kIncusError,
                   "Incus lists no instances: " + interpret_error(reply.status, reply.body)};
  }
  auto instances = interpret_instance_list(reply.body, texts(request.label_names));
  if (!instances.ok()) return no_sense(instances.error().message);
  return std::move(instances).value();
}

Outcome<ExaminedInstance> Inventory::look(const Target& target,
                                          const std::vector<std::string>& label_names,
                                          const Patience& patience) {
  Instance instance(client_, target, false, [](const auto&, bool) {});
  const auto reply = TRY_OUTCOME(instance.get(patience, true));
  auto examined = interpret_examined(reply.body, label_names);
  if (!examined.ok()) return no_sense(examined.error().message);
  return std::move(examined).value();
}

Outcome<ipc::ExamineReply> Inventory::examine(const ipc::ExamineRequest& request,
                                              const Patience& patience) {
  TRY_OUTCOME(client_.use(request.endpoint));
  target_.reset();
  const Target target = TRY_OUTCOME(target_of(request));
  auto examined = TRY_OUTCOME(look(target, texts(request.label_names), patience));
  target_ = target;
  uuid_ = examined.uuid;
  return std::move(examined.facts);
}

Outcome<Done> Inventory::stop(const Target& target, const Patience& patience) {
  HttpRequest request{.method = "PUT",
                      .path = target.path().part("state"),
                      .body = R"({"action":"stop","timeout":-1,"force":true})"};
  request.path.query("project", target.project.str());
  const auto result = TRY_OUTCOME(run_operation(client_, request, patience));
  if (result.succeeded) return Done{};
  return Failure{TargetFailure::kIncusError, "can't stop " + target.text() + ": " + result.error};
}

Outcome<Done> Inventory::remove(const Patience& patience) {
  if (!target_) return Failure{TargetFailure::kNoSuchInstance, "there is nothing to delete"};
  const Target target = *target_;
  const auto now = TRY_OUTCOME(look(target, {}, patience));
  if (now.uuid != uuid_) {
    return Failure{TargetFailure::kNoSuchInstance,
                   target.text() + " is another one than a moment ago; nothing was deleted"};
  }
  if (now.facts.is_protected) {
    return Failure{TargetFailure::kIncusError, target.text() +
                                                   " is protected against deletion "
                                                   "(security.protection.delete)"};
  }
  if (now.running) {
    TRY_OUTCOME(stop(target, patience));
    if (now.facts.ephemeral) return Done{};  // it has gone with that
  }
  HttpRequest request{.method = "DELETE", .path = target.path()};
  request.path.query("project", target.project.str());
  const auto result = TRY_OUTCOME(run_operation(client_, request, patience));
  if (result.succeeded) return Done{};
  return Failure{TargetFailure::kIncusError, "can't delete " + target.text() + ": " + result.error};
}

}  // namespace ssh2incus
