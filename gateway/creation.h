// Makes the instance of a grant that allows it, unless it exists: creates and starts it, or, if
// somebody else does at the same time, lets them. What it has begun and can't finish, or what
// nobody waits for any more, it takes back: the operation is cancelled, and the instance deleted if
// it is ours by its mark and doesn't run.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/create_grant.h"
#include "common/ipc_gateway.h"
#include "gateway/create_answer.h"
#include "gateway/create_request.h"
#include "gateway/incus_client.h"
#include "gateway/instance.h"
#include "gateway/outcome.h"
#include "gateway/target.h"

namespace ssh2incus {

class InstanceCreation {
 public:
  using Tell = std::function<void(ipc::CreationStep)>;

  // grant must outlive it. tell: for the log.
  InstanceCreation(IncusClient& client, Target target, const CreateGrant& grant, Progress progress,
                   Tell tell);

  // Afterwards the instance exists. It runs if this has made it.
  Outcome<Done> ensure(const Patience& patience);
  // It has been made lately, by this or by somebody else: its users may not be there yet.
  [[nodiscard]] bool is_fresh() const { return fresh_; }
  // Somebody else was faster. What this would have made and started, it may start.
  [[nodiscard]] bool was_late() const { return late_; }

 private:
  enum class Attempt : std::uint8_t { kMade, kSomebodyElse };

  // Nothing: it doesn't exist.
  Outcome<std::optional<MadeInstance>> look(const Patience& patience);
  Outcome<Done> check_project(const Patience& patience);
  Outcome<Done> check_number(const MadeInstance* ours, const Patience& patience);
  Outcome<ImageSource> find_image(const Patience& patience);
  Outcome<std::optional<std::pair<std::string, DeviceKeys>>> root_disk(const Patience& patience);
  Outcome<Attempt> make(const Patience& patience);
  Outcome<Attempt> follow(const Patience& patience);
  Outcome<Done> start(const Patience& patience);
  Outcome<Attempt> judge_failure(const std::string& reason, const Patience& patience);
  void undo();
  bool remove(const Patience& patience);
  Outcome<HttpReply> get(const ApiPath& path, const Patience& patience);
  [[nodiscard]] Failure cannot(const std::string& reason) const;

  IncusClient& client_;
  Target target_;
  const CreateGrant& grant_;
  Progress progress_;
  Tell tell_;
  std::string mark_;
  bool begun_ = false;     // something may have to be taken back
  std::string operation_;  // of what was begun; empty: none is known
  bool fresh_ = false;
  bool late_ = false;
};

}  // namespace ssh2incus
