// Starts PAM's child and listens to it.
#include "monitor/pam_conversation.h"

#include <unistd.h>

#include <array>

#include "common/privileges.h"
#include "monitor/capabilities.h"

namespace ssh2incus {
namespace {

constexpr std::array<cap_value_t, 6> kPamCapabilities = {
    CAP_DAC_READ_SEARCH,  // shadow files of mode 0 (RHEL)
    CAP_AUDIT_WRITE,      // libpam fails where it can't write to the audit log
    CAP_SETUID,           // modules that become the user, or their own daemon's
    CAP_SETGID,           // the same
    CAP_CHOWN,            // a changed /etc/shadow gets its group back, a tally its user
    CAP_DAC_OVERRIDE,     // tallies that belong to their user
};

PamReply failure(const std::string& why) {
  PamReply reply;
  reply.log_text = truncated<limits::kMaxLogText>("PAM: " + why);
  return reply;
}

PamReply work_in_child(const AccountCheckConfig& config, const PamSubject& subject,
                       const PamStartRequest& request, ipc::IpcChannel& channel, pid_t parent) {
  auto shed = keep_capabilities_only(available_of(kPamCapabilities));
  if (shed.ok()) shed = die_with_parent(parent);
  if (!shed.ok()) return failure(shed.error().message);
  return run_pam_transaction(config, subject, request, channel);
}

}  // namespace

Result<PamConversation> PamConversation::start(const AccountCheckConfig& config,
                                               const PamSubject& subject,
                                               const PamStartRequest& request) {
  return start_with(
      [&](ipc::IpcChannel& channel, pid_t parent) {
        static_cast<void>(channel.send(work_in_child(config, subject, request, channel, parent)));
      },
      config.round_timeout_ms);
}

Result<PamConversation> PamConversation::start_with(const ChildWork& work, int timeout_ms) {
  return PamConversation(TRY(ChildTask::start(work)), timeout_ms);
}

PamReply PamConversation::next() {
  const auto bytes = child_.receive(timeout_ms_);
  if (!bytes.ok()) return failure(bytes.error().message);
  auto reply = ipc::decode<PamReply>(*bytes);
  if (!reply.ok()) return failure(reply.error().message);
  if (reply->outcome != PamOutcome::kPrompts) return std::move(*reply);
  if (reply->prompts.empty()) return failure("a round without prompts");
  if (++rounds_ > limits::kMaxRounds) return failure("too many rounds");
  return std::move(*reply);
}

}  // namespace ssh2incus
