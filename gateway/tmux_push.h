// Puts the static tmux beside the guest in instances that have none of their own, for sessions that
// stay.
#pragma once

#include <string>

#include "gateway/incus_client.h"
#include "gateway/target.h"

namespace ssh2incus {

// Whatever goes wrong, the guest finds another way to keep the session.
void push_tmux_if_missing(IncusClient& client, const Target& target, const std::string& directory,
                          const std::string& tmux_path, const Patience& patience);

}  // namespace ssh2incus
