// Carries out one grant: the guest runs in the instance and has said hello, or can't run in such an
// instance, or a Failure says in one line why not. An OpenRequest comes from the monitor; its names
// are validated again all the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/ipc_gateway.h"
#include "gateway/creation.h"
#include "gateway/guest_launcher.h"
#include "gateway/incus_client.h"
#include "gateway/instance.h"
#include "gateway/outcome.h"

namespace ssh2incus {

struct OpenedTarget {
  GuestStreams streams;
  std::uint32_t uid = 0;
  std::string instance_uuid;  // empty if nobody had to ask for it
  // Instead of streams and uid: why no guest can run there. The instance runs commands, though.
  std::optional<std::string> plain_reason;
};

Outcome<OpenedTarget> open_target(IncusClient& client, const ipc::OpenRequest& request,
                                  const Progress& progress,
                                  const InstanceCreation::Tell& tell_creation,
                                  const Patience& patience);

}  // namespace ssh2incus
