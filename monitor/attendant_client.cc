// Asks the attendant, which is trusted: a reply that can't be decoded is a fault, not an attack.
#include "monitor/attendant_client.h"

#include <algorithm>

namespace ssh2incus {
namespace {

template <ipc::Message Request>
Result<ipc::Packet> ask(ipc::IpcChannel& attendant, const Request& request, int timeout_ms) {
  TRY(attendant.send(request));
  std::optional<ipc::Packet> packet = TRY(attendant.receive(timeout_ms));
  if (!packet) return fail("the attendant has gone");
  if (const auto crash = ipc::decode<AttendantCrash>(packet->bytes); crash.ok()) {
    return fail("the attendant made the refused system call " + std::to_string(crash->syscall));
  }
  if (const auto failed = ipc::decode<AttendantFailed>(packet->bytes); failed.ok()) {
    return fail("attendant: " + *failed->reason);
  }
  return std::move(*packet);
}

template <ipc::Message Reply, ipc::Message Request>
Result<Reply> ask_plainly(ipc::IpcChannel& attendant, const Request& request, int timeout_ms) {
  const ipc::Packet packet = TRY(ask(attendant, request, timeout_ms));
  if (!packet.fds.empty()) return fail("the attendant sent file descriptors");
  return ipc::decode<Reply>(packet.bytes);
}

template <ipc::Message Request>
Result<StartedGateway> start_gateway(ipc::IpcChannel& attendant, const std::string& remote,
                                     int timeout_ms) {
  ipc::Packet packet = TRY(ask(attendant, Request{remote}, timeout_ms));
  const GatewayStartReply reply = TRY(ipc::decode<GatewayStartReply>(packet.bytes));
  if (reply.pid == 0) return fail(*reply.reason);
  if (packet.fds.size() != 1) return fail("the attendant sent no channel to the gateway");
  return StartedGateway{static_cast<pid_t>(reply.pid),
                        ipc::IpcChannel(std::move(packet.fds.front()))};
}

}  // namespace

Result<LookupReply> attendant_lookup(ipc::IpcChannel& attendant, const HostUser& user,
                                     const std::string& source_address, int timeout_ms) {
  return ask_plainly<LookupReply>(attendant, LookupRequest{user, source_address}, timeout_ms);
}

Result<KeysReply> attendant_keys(ipc::IpcChannel& attendant, const KeysRequest& request,
                                 int timeout_ms) {
  return ask_plainly<KeysReply>(attendant, request, timeout_ms);
}

Result<AccountReply> attendant_account(ipc::IpcChannel& attendant, int timeout_ms) {
  return ask_plainly<AccountReply>(attendant, AccountRequest{}, timeout_ms);
}

Result<PamReply> attendant_pam_start(ipc::IpcChannel& attendant, const PamStartRequest& request,
                                     int timeout_ms) {
  return ask_plainly<PamReply>(attendant, request, timeout_ms);
}

Result<PamReply> attendant_pam_answer(ipc::IpcChannel& attendant, const PamAnswersRequest& answers,
                                      int timeout_ms) {
  return ask_plainly<PamReply>(attendant, answers, timeout_ms);
}

Result<PamReply> attendant_pam_abort(ipc::IpcChannel& attendant, int timeout_ms) {
  return ask_plainly<PamReply>(attendant, PamAbortRequest{}, timeout_ms);
}

Result<StartedGateway> attendant_start_gateway(ipc::IpcChannel& attendant,
                                               const std::string& remote, int timeout_ms) {
  return start_gateway<GatewayStartRequest>(attendant, remote, timeout_ms);
}

Result<std::array<UniqueFd, 4>> attendant_start_shell(ipc::IpcChannel& attendant,
                                                      const GuestGrant& grant, int timeout_ms) {
  ipc::Packet packet = TRY(ask(attendant, ShellStartRequest{grant}, timeout_ms));
  const auto reply = TRY(ipc::decode<ShellStartReply>(packet.bytes));
  if (!reply.started) return fail(*reply.reason);
  std::array<UniqueFd, 4> sockets;
  if (packet.fds.size() != sockets.size()) return fail("the attendant sent no sockets");
  std::ranges::move(packet.fds, sockets.begin());
  return sockets;
}

Result<StartedGateway> attendant_start_questions(ipc::IpcChannel& attendant,
                                                 const std::string& remote, int timeout_ms) {
  return start_gateway<QuestionsStartRequest>(attendant, remote, timeout_ms);
}

}  // namespace ssh2incus
