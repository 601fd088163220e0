// Starts a keeper and its shell, detached from whoever asks for it.
#pragma once

#include <string>

#include "guest/keeper_directory.h"

namespace ssh2incus::guest {

// Returns once it can be connected to. The terminal gets the modes and the size of our own; the
// lock stays ours alone.
Status start_keeper(const KeeperDirectory& directory, UniqueFd& lock, const std::string& shell);

}  // namespace ssh2incus::guest
