// The instances of an Incus: which there are, what one of them is, and its deletion. Requests come
// from the monitor; names are validated again all the same.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/ipc_inventory.h"
#include "gateway/incus_client.h"
#include "gateway/inventory_answer.h"
#include "gateway/target.h"

namespace ssh2incus {

class Inventory {
 public:
  explicit Inventory(IncusClient& client) : client_(client) {}

  Outcome<std::vector<ipc::ListedInstance>> list(const ipc::ListRequest& request,
                                                 const Patience& patience);
  Outcome<ipc::ExamineReply> examine(const ipc::ExamineRequest& request, const Patience& patience);
  // The one that was examined last; stops it first. A failure if another has taken its name.
  Outcome<Done> remove(const Patience& patience);

 private:
  Outcome<ExaminedInstance> look(const Target& target, const std::vector<std::string>& label_names,
                                 const Patience& patience);
  Outcome<Done> stop(const Target& target, const Patience& patience);

  IncusClient& client_;
  std::optional<Target> target_;  // that was examined
  std::string uuid_;
};

}  // namespace ssh2incus
