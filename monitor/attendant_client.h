// The monitor's side of the attendant's boundary: one call per request, with time limits.
#pragma once

#include <sys/types.h>

#include <array>

#include "common/ipc_channel.h"
#include "monitor/ipc_attendant.h"

namespace ssh2incus {

struct StartedGateway {
  pid_t pid = -1;
  ipc::IpcChannel channel;  // speaks common/ipc_gateway.h
};

// Each waits for the reply, at most timeout_ms; a refused call of the attendant is named in the
// error.
Result<LookupReply> attendant_lookup(ipc::IpcChannel& attendant, const HostUser& user,
                                     const std::string& source_address, int timeout_ms);
Result<KeysReply> attendant_keys(ipc::IpcChannel& attendant, const KeysRequest& request,
                                 int timeout_ms);
Result<AccountReply> attendant_account(ipc::IpcChannel& attendant, int timeout_ms);
// Begins, goes on with and ends a conversation with PAM.
Result<PamReply> attendant_pam_start(ipc::IpcChannel& attendant, const PamStartRequest& request,
                                     int timeout_ms);
Result<PamReply> attendant_pam_answer(ipc::IpcChannel& attendant, const PamAnswersRequest& answers,
                                      int timeout_ms);
Result<PamReply> attendant_pam_abort(ipc::IpcChannel& attendant, int timeout_ms);
Result<StartedGateway> attendant_start_gateway(ipc::IpcChannel& attendant,
                                               const std::string& remote, int timeout_ms);
// The sockets of TargetReadyNotice, without websockets.
Result<std::array<UniqueFd, 4>> attendant_start_shell(ipc::IpcChannel& attendant,
                                                      const GuestGrant& grant, int timeout_ms);
Result<StartedGateway> attendant_start_questions(ipc::IpcChannel& attendant,
                                                 const std::string& remote, int timeout_ms);

}  // namespace ssh2incus
