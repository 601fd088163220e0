// How an administrator writes penalties: "crash:90", "authfail:5s", "max:10m", as sshd_config's
// PerSourcePenalties and PerSourceNetBlockSize have it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "policy/penalties.h"

namespace ssh2incus {

// The defaults with these changes; each name once.
Result<PenaltySettings> parse_penalty_settings(const std::vector<std::string>& texts);
// The other way round: all of them, in seconds.
std::vector<std::string> penalty_settings_text(const PenaltySettings& settings);

struct NetBlockSize {
  unsigned ipv4 = 32;
  unsigned ipv6 = 64;
};
// "ipv4:ipv6", or the one for IPv4.
Result<NetBlockSize> parse_net_block_size(std::string_view text);

}  // namespace ssh2incus
