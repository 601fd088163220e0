// What Incus's answers say about instances to be listed or deleted. As hostile as the rest of
// gateway/incus_answer.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/ipc_inventory.h"
#include "common/result.h"

namespace ssh2incus {

// An answer with recursion=2. An instance whose labels don't fit is an error, as leaving them out
// could widen access; addresses beyond the limit are left out.
Result<std::vector<ipc::ListedInstance>> interpret_instance_list(
    std::string_view body, const std::vector<std::string>& label_names);

struct ExaminedInstance {
  ipc::ExamineReply facts;
  std::string uuid;  // empty if it has none
  bool running = false;
};

// An answer about one instance with recursion=1, which includes its snapshots.
Result<ExaminedInstance> interpret_examined(std::string_view body,
                                            const std::vector<std::string>& label_names);

}  // namespace ssh2incus
