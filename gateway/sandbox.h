// How the gateway gives up everything that it was started with. For a local incusd it keeps that
// one's group: who may use that socket is root on the host as far as Incus goes, so this process is
// as trusted as incusd's answers are hostile. It lives for a fraction of a second, or, where no
// guest can run, as long as the connection. For an https remote it keeps no group, and lives as
// long as the connection.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "common/result.h"

namespace ssh2incus {

inline constexpr int kMonitorFd = 3;

struct GatewayIds {
  uid_t uid = 0;
  gid_t gid = 0;
  gid_t incus_gid = 0;  // the supplementary group that may use incusd's socket; 0: none
};

// Whether an incusd on this host is served, or a remote by https.
enum class GatewayReach : std::uint8_t { kLocal, kNetwork };

// First: from here on nothing is done as root.
Status become_gateway(const GatewayIds& ids);
// Libraries must have been initialised.
Status enter_sandbox(GatewayReach reach);

// As much processor time from now on as the sandbox gave at first: for a gateway that stays, before
// each request.
Status renew_processor_time();

}  // namespace ssh2incus
