// --explain: what a login string means and what the access policy makes of it, without a login.
// Runs on its own, for the administrator, before anything is opened.
#pragma once

#include <string>

#include "common/result.h"
#include "monitor/flags_access.h"

namespace ssh2incus {

// Several lines. An error: the question itself makes no sense, or the policy can't be read.
Result<std::string> explain_login(const ServerConfig& config, const ExplainFlags& question);

}  // namespace ssh2incus
