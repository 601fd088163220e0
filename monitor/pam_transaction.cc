// The transaction's steps, and the conversation function through which modules ask. What they say
// is bounded here, and made safe for a terminal where it is shown.
#include "monitor/pam_transaction.h"

#include <security/pam_appl.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace ssh2incus {
namespace {

constexpr int kFlags = PAM_DISALLOW_NULL_AUTHTOK;

// Failures wait in the monitor, for all causes alike; no module makes this process sleep.
extern "C" void no_delay(int /*status*/, unsigned /*microseconds*/, void* /*data*/) {}

// In the form that PAM's modules free.
char* plain_copy(std::string_view text) {
  char* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) return nullptr;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

struct FreeResponses {
  std::size_t count = 0;
  void operator()(pam_response* responses) const {
    for (std::size_t i = 0; i < count; ++i) {
      char* text = responses[i].resp;
      if (text != nullptr) explicit_bzero(text, std::strlen(text));
      std::free(text);
    }
    std::free(responses);
  }
};
using Responses = std::unique_ptr<pam_response, FreeResponses>;

class Conversation {
 public:
  Conversation(const PamStartRequest& request, ipc::IpcChannel& channel)
      : request_(request), channel_(channel) {}

  int converse(std::span<const pam_message* const> messages, pam_response** out) {
    Responses responses(
        static_cast<pam_response*>(std::calloc(messages.size(), sizeof(pam_response))),
        FreeResponses{messages.size()});
    if (!responses) return PAM_BUF_ERR;
    std::vector<std::size_t> questions;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const int style = messages[i]->msg_style;
      if (style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON) {
        questions.push_back(i);
      } else if (style == PAM_TEXT_INFO || style == PAM_ERROR_MSG) {
        say(messages[i]->msg);
      } else {
        return PAM_CONV_ERR;
      }
    }
    if (!questions.empty()) {
      const bool answered = request_.password ? answer_by_password(messages, questions, *responses)
                                              : ask(messages, questions, *responses);
      if (!answered) return PAM_CONV_ERR;
    }
    *out = responses.release();
    return PAM_SUCCESS;
  }

  void authenticated() { proven_ = true; }
  [[nodiscard]] bool proven() const { return proven_; }
  [[nodiscard]] BoundedString<limits::kMaxUserMessage> take_text() {
    return truncated<limits::kMaxUserMessage>(std::exchange(text_, {}));
  }

 private:
  // Nothing is told before the client has answered anything: what a module says of its own accord
  // ("the account is locked") tells which accounts there are.
  void say(const char* text) {
    if (text == nullptr || !(answered_ || proven_)) return;
    const std::string_view line = text;
    if (text_.size() + line.size() + 1 > limits::kMaxUserMessage) return;
    if (!text_.empty()) text_ += '\n';
    text_ += line;
  }

  // What no module will accept, of the same length and so of the same cost. PAM's strings end at
  // the first NUL: an answer with one in it is no answer.
  bool respond(pam_response& response, std::string_view answer) {
    const bool hopeless = request_.hopeless || answer.find('\0') != std::string_view::npos ||
                          (answer.empty() && request_.password);
    response.resp =
        plain_copy(hopeless ? std::string(std::max<std::size_t>(answer.size(), 1), '\b') : answer);
    answered_ = true;
    return response.resp != nullptr;
  }

  bool answer_by_password(std::span<const pam_message* const> messages,
                          const std::vector<std::size_t>& questions, pam_response& responses) {
    if (answered_ || questions.size() != 1) return false;
    const std::size_t question = questions.front();
    if (messages[question]->msg_style != PAM_PROMPT_ECHO_OFF) return false;
    return respond((&responses)[question], (*request_.password)->text());
  }

  bool ask(std::span<const pam_message* const> messages, const std::vector<std::size_t>& questions,
           pam_response& responses) {
    if (++rounds_ > limits::kMaxRounds || questions.size() > limits::kMaxPromptsPerRound) {
      return false;
    }
    PamReply reply;
    reply.outcome = PamOutcome::kPrompts;
    reply.text = take_text();
    std::vector<PamPrompt> prompts;
    for (const std::size_t question : questions) {
      const pam_message& message = *messages[question];
      prompts.push_back({truncated<limits::kMaxPrompt>(message.msg != nullptr ? message.msg : ""),
                         message.msg_style == PAM_PROMPT_ECHO_ON});
    }
    reply.prompts = std::move(prompts);
    if (!channel_.send(reply).ok()) return false;
    const auto got = channel_.receive_message<PamAnswersRequest>();
    if (!got.ok() || got->answers.size() != questions.size()) return false;
    auto answer = got->answers.begin();
    for (const std::size_t question : questions) {
      if (!respond((&responses)[question], (*answer++)->text())) return false;
    }
    return true;
  }

  const PamStartRequest& request_;
  ipc::IpcChannel& channel_;
  std::string text_;
  std::uint32_t rounds_ = 0;
  bool answered_ = false;
  bool proven_ = false;
};

extern "C" int converse(int count, const pam_message** messages, pam_response** responses,
                        void* data) {
  if (count <= 0 || count > PAM_MAX_NUM_MSG || messages == nullptr) return PAM_CONV_ERR;
  return static_cast<Conversation*>(data)->converse(
      std::span<const pam_message* const>(messages, static_cast<std::size_t>(count)), responses);
}

class Transaction {
 public:
  explicit Transaction(Conversation& conversation)
      : conversation_(conversation), talk_{converse, &conversation} {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (handle_ != nullptr) pam_end(handle_, code_);
  }

  PamReply run(const AccountCheckConfig& config, const PamSubject& subject,
               const PamStartRequest& request) {
    if (!start(config, subject)) return failed("can't start");
    code_ = pam_authenticate(handle_, kFlags);
    if (code_ != PAM_SUCCESS) return failed("authentication");
    if (request.hopeless) return failed("authentication of a refused login");
    const void* user = nullptr;
    if (pam_get_item(handle_, PAM_USER, &user) != PAM_SUCCESS || user == nullptr ||
        subject.user != static_cast<const char*>(user)) {
      code_ = PAM_USER_UNKNOWN;
      return failed("a module has changed the user");
    }
    conversation_.authenticated();
    code_ = pam_acct_mgmt(handle_, kFlags);
    if (code_ == PAM_NEW_AUTHTOK_REQD) {
      if (request.password) return expired();
      code_ = pam_chauthtok(handle_, PAM_CHANGE_EXPIRED_AUTHTOK);
      if (code_ != PAM_SUCCESS) return failed("change of an expired password");
      code_ = pam_acct_mgmt(handle_, kFlags);
    }
    if (code_ != PAM_SUCCESS) return failed("account");
    PamReply reply;
    reply.outcome = PamOutcome::kSuccess;
    reply.text = conversation_.take_text();
    return reply;
  }

 private:
  bool start(const AccountCheckConfig& config, const PamSubject& subject) {
    const char* directory =
        config.configuration_directory.empty() ? nullptr : config.configuration_directory.c_str();
    code_ = pam_start_confdir(config.service.c_str(), subject.user.c_str(), &talk_, directory,
                              &handle_);
    if (code_ == PAM_SUCCESS)
      code_ = pam_set_item(handle_, PAM_RHOST, subject.source_address.c_str());
    // No terminal yet; some modules insist on a name (as with OpenSSH).
    if (code_ == PAM_SUCCESS) code_ = pam_set_item(handle_, PAM_TTY, "ssh");
    if (code_ == PAM_SUCCESS) {
      code_ = pam_set_item(handle_, PAM_FAIL_DELAY, reinterpret_cast<const void*>(&no_delay));
    }
    return code_ == PAM_SUCCESS;
  }

  PamReply failed(const std::string& step) {
    PamReply reply;
    if (conversation_.proven()) reply.text = conversation_.take_text();
    reply.log_text =
        truncated<limits::kMaxLogText>("PAM: " + step + ": " + pam_strerror(handle_, code_));
    return reply;
  }

  PamReply expired() {
    PamReply reply = failed("account");
    reply.outcome = PamOutcome::kExpired;
    return reply;
  }

  Conversation& conversation_;
  pam_conv talk_;
  pam_handle_t* handle_ = nullptr;
  int code_ = PAM_SYSTEM_ERR;
};

}  // namespace

PamReply run_pam_transaction(const AccountCheckConfig& config, const PamSubject& subject,
                             const PamStartRequest& request, ipc::IpcChannel& channel) {
  Conversation conversation(request, channel);
  return Transaction(conversation).run(config, subject, request);
}

}  // namespace ssh2incus
