// The attendant's side of a PAM transaction: a child for each, killed when it is over, abandoned or
// too slow. What the child sends is decoded, bounded, and judged by nobody here.
#pragma once

#include "monitor/child_task.h"
#include "monitor/pam_transaction.h"

namespace ssh2incus {

class PamConversation {
 public:
  static Result<PamConversation> start(const AccountCheckConfig& config, const PamSubject& subject,
                                       const PamStartRequest& request);
  // With any work in place of PAM's, for tests.
  static Result<PamConversation> start_with(const ChildWork& work, int timeout_ms);

  // What comes next; a child that says anything wrong, or nothing, is a failure.
  PamReply next();
  Status answer(const PamAnswersRequest& answers) { return child_.send(answers); }

 private:
  PamConversation(ChildTask child, int timeout_ms)
      : child_(std::move(child)), timeout_ms_(timeout_ms) {}
  ChildTask child_;
  int timeout_ms_;
  std::uint32_t rounds_ = 0;
};

}  // namespace ssh2incus
