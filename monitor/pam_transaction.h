// One PAM transaction: authentication, account, the change of an expired password. Runs in a child
// of its own (monitor/pam_conversation.h); its modules are the administrator's, their answers come
// from the network.
#pragma once

#include <functional>
#include <string>

#include "common/ipc_channel.h"
#include "monitor/account_check.h"
#include "monitor/ipc_attendant.h"

namespace ssh2incus {

struct PamSubject {
  std::string user;
  std::string source_address;  // PAM_RHOST
};

// Asks over the channel (PamReply with prompts, PamAnswersRequest), and returns how it ended.
// password and hopeless as in PamStartRequest.
PamReply run_pam_transaction(const AccountCheckConfig& config, const PamSubject& subject,
                             const PamStartRequest& request, ipc::IpcChannel& channel);

}  // namespace ssh2incus
