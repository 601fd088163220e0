// One GET of the instance.
#include "gateway/resolve_target.h"

#include "gateway/instance.h"
#include "gateway/target.h"

namespace ssh2incus {

Outcome<ipc::ResolveReply> resolve_target(IncusClient& client, const ipc::ResolveRequest& request,
                                          const Patience& patience) {
  auto instance_name = InstanceName::parse(*request.instance);
  if (!instance_name.ok())
    return Failure{TargetFailure::kNoSuchInstance, instance_name.error().message};
  auto project_name = ProjectName::parse(*request.project);
  if (!project_name.ok())
    return Failure{TargetFailure::kNoSuchProject, project_name.error().message};
  TRY_OUTCOME(client.use(request.endpoint));
  Instance instance(client, Target{*instance_name, *project_name}, false, [](const auto&, bool) {});
  std::vector<std::string> names;
  for (const auto& name : request.names) names.push_back(*name);
  auto answer = instance.labels(names, patience);
  if (!answer.ok() && request.may_be_missing &&
      answer.failure().kind == TargetFailure::kNoSuchInstance) {
    return ipc::ResolveReply{.labels = {}, .missing = true};
  }
  const auto found = TRY_OUTCOME(std::move(answer));
  std::vector<ipc::InstanceLabel> labels;
  for (const auto& [name, value] : found) labels.push_back({name, value});
  return ipc::ResolveReply{.labels = std::move(labels), .missing = false};
}

}  // namespace ssh2incus
