// The attendant's state machine: one request in, one reply out, by the table of ipc_attendant.h.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "common/ipc_channel.h"
#include "monitor/attendant.h"
#include "monitor/host_lookup.h"
#include "monitor/pam_conversation.h"

namespace ssh2incus {

class AttendantSession {
 public:
  AttendantSession(ipc::IpcChannel& channel, const AttendantConfig& config)
      : channel_(channel), config_(config) {}

  // Answers a request of the monitor. An error ends the attendant.
  Status serve(const ipc::Packet& packet);
  // The gateway has been started: nothing is left to do.
  [[nodiscard]] bool finished() const { return finished_; }
  [[nodiscard]] AttendantState state() const { return state_; }

 private:
  Status check_rule(AttendantMessage kind);
  Status on_lookup(const LookupRequest& request);
  Status on_keys(const KeysRequest& request);
  // What the authorized-keys-command says of the key.
  Result<KeysReply> ask_key_command(const KeyCommand& command, const KeysRequest& request);
  Status on_account();
  Status on_pam_start(PamStartRequest request);
  Status on_pam_answers(const PamAnswersRequest& request);
  Status on_pam_abort();
  Status pass_on_pam();
  Status on_gateway_start(const GatewayStartRequest& request);
  Status on_questions_start(const QuestionsStartRequest& request);
  Status on_shell_start(const ShellStartRequest& request);
  Status answer_with_gateway(const std::string& remote);

  ipc::IpcChannel& channel_;
  const AttendantConfig& config_;
  AttendantState state_ = AttendantState::kStarted;
  std::array<std::uint32_t, kAttendantRules.size()> counts_{};
  std::optional<HostUserRecord> user_;
  std::string source_address_;  // of the client
  // What the command gave, for a client that offers several keys, unless its arguments differ.
  struct CommandRun {
    std::vector<std::string> arguments;
    Result<std::string> output;
  };
  std::optional<CommandRun> command_run_;
  std::optional<PamConversation> pam_;
  bool pam_hopeless_ = false;
  bool finished_ = false;
};

}  // namespace ssh2incus
