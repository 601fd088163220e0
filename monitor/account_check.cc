// PAM in a child. Its modules are the administrator's; what they tell the user is bounded here and
// escaped where it's shown.
#include "monitor/account_check.h"

#include <security/pam_appl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "common/privileges.h"
#include "monitor/capabilities.h"
#include "monitor/child_task.h"

namespace ssh2incus {
namespace {

// Reading shadow where its mode is 0 (RHEL), writing to the audit log (libpam fails without), and
// for modules that become the user or their own daemon's.
constexpr std::array<cap_value_t, 4> kPamCapabilities = {CAP_DAC_READ_SEARCH, CAP_AUDIT_WRITE,
                                                         CAP_SETUID, CAP_SETGID};
constexpr std::array kServiceDirectories = {"/etc/pam.d/", "/usr/lib/pam.d/"};

struct Conversation {
  std::string messages;
};

// Collects messages. A prompt can't be answered: nobody is asked anything here.
int converse(int count, const pam_message** messages, pam_response** responses, void* data) {
  auto& conversation = *static_cast<Conversation*>(data);
  if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
  for (int i = 0; i < count; ++i) {
    const int style = messages[i]->msg_style;
    if (style != PAM_ERROR_MSG && style != PAM_TEXT_INFO) return PAM_CONV_ERR;
    const std::string_view text = messages[i]->msg != nullptr ? messages[i]->msg : "";
    if (conversation.messages.size() + text.size() + 1 > limits::kMaxUserMessage) continue;
    if (!conversation.messages.empty()) conversation.messages += '\n';
    conversation.messages += text;
  }
  *responses = static_cast<pam_response*>(
      std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
  return *responses != nullptr ? PAM_SUCCESS : PAM_BUF_ERR;
}

// A PAM transaction; ends it with what its last step gave.
class Transaction {
 public:
  explicit Transaction(Conversation& conversation) : talk_{converse, &conversation} {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (handle_ != nullptr) pam_end(handle_, code_);
  }

  int check(const AccountCheckConfig& config, const std::string& user, const std::string& source) {
    const char* directory =
        config.configuration_directory.empty() ? nullptr : config.configuration_directory.c_str();
    code_ = pam_start_confdir(config.service.c_str(), user.c_str(), &talk_, directory, &handle_);
    if (code_ == PAM_SUCCESS) code_ = pam_set_item(handle_, PAM_RHOST, source.c_str());
    // No terminal yet; some modules insist on a name (as with OpenSSH).
    if (code_ == PAM_SUCCESS) code_ = pam_set_item(handle_, PAM_TTY, "ssh");
    if (code_ == PAM_SUCCESS) code_ = pam_acct_mgmt(handle_, 0);
    return code_;
  }
  [[nodiscard]] std::string text() const { return pam_strerror(handle_, code_); }

 private:
  pam_conv talk_;
  pam_handle_t* handle_ = nullptr;
  int code_ = PAM_SYSTEM_ERR;
};

AccountReply ask_pam(const AccountCheckConfig& config, const std::string& user,
                     const std::string& source) {
  Conversation conversation;
  Transaction transaction(conversation);
  const int code = transaction.check(config, user, source);
  AccountReply reply;
  reply.valid = code == PAM_SUCCESS;
  if (!reply.valid) reply.log_text = truncated<limits::kMaxLogText>("PAM: " + transaction.text());
  if (code == PAM_NEW_AUTHTOK_REQD && conversation.messages.empty()) {
    conversation.messages = "Your password on the host has expired; change it there first.";
  }
  if (!conversation.messages.empty()) {
    reply.user_message = truncated<limits::kMaxUserMessage>(conversation.messages);
  }
  return reply;
}

AccountReply refusal(const std::string& why) {
  AccountReply reply;
  reply.log_text = truncated<limits::kMaxLogText>("account check: " + why);
  return reply;
}

AccountReply work_in_child(const AccountCheckConfig& config, const std::string& user,
                           const std::string& source, pid_t parent) {
  auto shed = keep_capabilities_only(available_of(kPamCapabilities));
  if (shed.ok()) shed = die_with_parent(parent);
  if (!shed.ok()) return refusal(shed.error().message);
  return ask_pam(config, user, source);
}

}  // namespace

Result<AccountReply> check_account(const AccountCheckConfig& config, const std::string& user,
                                   const std::string& source_address) {
  const auto answer = ask_child(
      [&](ipc::IpcChannel& channel, pid_t parent) {
        static_cast<void>(channel.send(work_in_child(config, user, source_address, parent)));
      },
      config.timeout_ms);
  if (!answer.ok()) return refusal(answer.error().message);
  return ipc::decode<AccountReply>(*answer);
}

Status check_pam_service(const std::string& service) {
  for (const char* directory : kServiceDirectories) {
    if (access((directory + service).c_str(), R_OK) == 0) return {};
  }
  return fail("there is no PAM service " + service + ": install packaging/pam/ssh2incus as " +
              "/etc/pam.d/" + service);
}

}  // namespace ssh2incus
