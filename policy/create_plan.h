// What a login's `+name` creates: defaults, then the profiles in the order of the login, then the
// login itself, each above what came before; then judged by the limits of the access rule that
// decides. Pure; nothing of it comes into being here.
#pragma once

#include <optional>
#include <string>

#include "common/create_grant.h"
#include "policy/access_policy.h"
#include "policy/create_config.h"
#include "policy/login_target.h"

namespace ssh2incus {

// Sizes as in InstanceSettings: none is what Incus's own profile says, 0 is unlimited.
struct CreatePlan {
  InstanceSettings settings;  // with image
  std::optional<std::uint32_t> max_instances;
  friend bool operator==(const CreatePlan&, const CreatePlan&) = default;
};

// An error: the reason, for the user. A size that nobody gives is the limit, where there is one.
Result<CreatePlan> plan_creation(const CreateConfig& config, const CreateOptions& login,
                                 const CreateLimits& limits);

// The same for the gateway. An error: it's too long.
Result<CreateGrant> create_grant(const CreateConfig& config, const CreatePlan& plan,
                                 const std::string& created_by);

// Why an instance of the defaults or of one of the profiles could never be made; empty if all can.
std::string why_never_created(const CreateConfig& config);

// In words, for logs: "image alpine/edge, memory 1, ...".
std::string text_of(const CreatePlan& plan);

}  // namespace ssh2incus
