// The system calls of a gateway that serves an https remote: those of syscalls.h, but TCP instead
// of unix sockets, and socketpairs for what sessiond gets. No resolver: that has been asked before.
#pragma once

#include <netinet/tcp.h>

#include <vector>

#include "gateway/syscalls.h"

namespace ssh2incus {

// clang-format off
inline constexpr std::array kRemoteGatewaySyscalls = {
    SyscallRule{SCMP_SYS(socket),     "connections to the remote", SyscallAction::kAllow, 0, argument_is(0, AF_INET)},
    SyscallRule{SCMP_SYS(socket),     "the same; libcurl asks whether there is IPv6", SyscallAction::kAllow, 0, argument_is(0, AF_INET6)},
    SyscallRule{SCMP_SYS(socketpair), "the streams that sessiond gets", SyscallAction::kAllow, 0, argument_is(0, AF_UNIX)},
    SyscallRule{SCMP_SYS(setsockopt), "no waiting for more bytes to send", SyscallAction::kAllow, 0, argument_is(2, TCP_NODELAY)},
};
// clang-format on

inline std::vector<SyscallRule> remote_gateway_rules() {
  std::vector<SyscallRule> rules(kRemoteGatewaySyscalls.begin(), kRemoteGatewaySyscalls.end());
  for (const SyscallRule& rule : kGatewaySyscalls) {
    if (rule.number != SCMP_SYS(socket) && rule.number != SCMP_SYS(setsockopt))
      rules.push_back(rule);
  }
  return rules;
}

}  // namespace ssh2incus
