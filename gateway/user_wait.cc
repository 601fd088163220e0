// See user_wait.h. Whether the instance has cloud-init, and whether it has finished, are its own
// root's word: it decides only how long somebody waits.
#include "gateway/user_wait.h"

#include "common/limits.h"

namespace ssh2incus {
namespace {

constexpr int kPollMs = 1000;
constexpr std::size_t kMaxFile = 1024UL * 1024;
constexpr const char* kCloudInit = "/etc/cloud/cloud.cfg";
constexpr const char* kFinished = "/var/lib/cloud/instance/boot-finished";

}  // namespace

bool UserWait::exists(const char* path, const Patience& patience) {
  const auto content = files_.read({path, 0, {}, kMaxFile}, patience);
  return content.ok() && content->has_value();
}

Outcome<bool> UserWait::for_user(const Failure& failure, const Patience& patience) {
  if (!fresh_ || failure.kind != TargetFailure::kNoSuchUser || finished_) return false;
  if (!told_) {
    if (!exists(kCloudInit, patience)) return false;
    progress_("waiting for cloud-init to make the user in " + target_.text(), false);
    told_ = true;
    end_ = Patience::Clock::now() + std::chrono::milliseconds(limits::kUserWaitMs);
  }
  if (Patience::Clock::now() > end_) return false;
  finished_ = exists(kFinished, patience);
  if (!finished_) TRY_OUTCOME(patience.sleep(kPollMs));
  return true;
}

}  // namespace ssh2incus
