// What a console's connection is doing: one session at a time, one step of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "common/ipc_inventory.h"

namespace ssh2incus {

struct ConsoleState {
  enum class Step : std::uint8_t {
    kIdle,
    kListing,  // the gateway's replies are awaited
    kExamining,
    kResolving,
    kDeleting,
    kAsking,  // the person's answer is
  };
  Step step = Step::kIdle;
  std::uint32_t stream = 0;  // 0: who wanted it has gone
  std::chrono::steady_clock::time_point deadline;
  std::vector<ipc::ListedInstance> listed;
};

}  // namespace ssh2incus
