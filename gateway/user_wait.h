// A user who isn't there yet, because cloud-init is still at work in an instance that was just
// made.
#pragma once

#include "gateway/instance.h"
#include "gateway/instance_files.h"
#include "gateway/outcome.h"

namespace ssh2incus {

class UserWait {
 public:
  // fresh: the instance was made lately; otherwise nothing is waited for.
  UserWait(IncusClient& client, const Target& target, Progress progress, bool fresh)
      : files_(client, target), target_(target), progress_(std::move(progress)), fresh_(fresh) {}

  // After a failure: true, some time later, if another attempt makes sense.
  Outcome<bool> for_user(const Failure& failure, const Patience& patience);

 private:
  bool exists(const char* path, const Patience& patience);

  InstanceFiles files_;
  const Target& target_;
  Progress progress_;
  bool fresh_;
  bool told_ = false;
  bool finished_ = false;  // cloud-init: the next attempt is the last
  Patience::Clock::time_point end_{};
};

}  // namespace ssh2incus
