// Passwords and keyboard-interactive conversations: carries prompts and answers between sessiond
// and the attendant's PAM child, and judges how they end. Answers come from the network, prompts
// and texts from the administrator's modules.
#include <utility>

#include "common/escape.h"
#include "monitor/monitor.h"

namespace ssh2incus {

using ipc::SessionMessage;

namespace {

BoundedList<ipc::AuthPrompt, limits::kMaxPromptsPerRound> safe_prompts(const PamReply& reply) {
  std::vector<ipc::AuthPrompt> prompts;
  for (const PamPrompt& prompt : reply.prompts) {
    prompts.push_back({truncated<limits::kMaxUserMessage>(escaped(*prompt.text)), prompt.echo});
  }
  return prompts;
}

}  // namespace

// One that the client gives up is a failure: prompts aren't to be had for nothing.
Status Monitor::end_conversation(SessionMessage by) {
  if (!open_prompts_ || !ends_conversation(by)) return {};
  attempts_.record(auth_method_name(AuthMethod::kKeyboardInteractive), AttemptResult::kFailed);
  return abort_conversation();
}

Status Monitor::abort_conversation() {
  open_prompts_.reset();
  TRY(from_attendant(attendant_pam_abort(channels_.attendant, at_most(limits::kKeyLookupMs))));
  return {};
}

// For the log: PAM was asked in vain where something else decides.
std::string Monitor::why_pam_refused(const PamReply& reply) const {
  if (!account_refusal_.empty()) return account_refusal_;
  if (host_user_held_back()) return kHeldBack;
  return *reply.log_text;
}

Status Monitor::on_password(ipc::PasswordAuthRequest request) {
  PamStartRequest start;
  start.password.emplace(std::move(request.password));
  return start_pam(request.kKind, AuthMethod::kPassword, std::move(start));
}

Status Monitor::on_interactive(const ipc::InteractiveAuthRequest& request) {
  return start_pam(request.kKind, AuthMethod::kKeyboardInteractive, {});
}

Status Monitor::start_pam(SessionMessage by, AuthMethod method, PamStartRequest start) {
  const auto started = Clock::now();
  Proof proof;
  proof.method = method;
  if (!may_try(method)) return fail_attempt(by, proof, "method isn't offered now", started);
  if (attempts_.exhausted()) return fail_attempt(by, proof, "too many conversations", started);
  start.hopeless = !account_refusal_.empty() || host_user_held_back();
  const PamReply reply = TRY(from_attendant(
      attendant_pam_start(channels_.attendant, start, at_most(limits::kPamRoundMs + 1000))));
  const bool may_be_instances =
      start.password && (!account_refusal_.empty() || reply.outcome == PamOutcome::kFailed ||
                         reply.outcome == PamOutcome::kPrompts);
  if (may_be_instances && may_ask_instance()) {
    const std::string reason = why_pam_refused(reply);
    proof.compared_with_host = !start.hopeless;
    return on_instance_password(by, proof, **start.password, reason, started);
  }
  return on_pam_reply(by, proof, reply, started);
}

Status Monitor::on_interactive_answers(ipc::InteractiveAnswersRequest request) {
  if (!open_prompts_) return fail("answers that nobody has asked for");
  const auto started = Clock::now();
  const std::size_t asked = *open_prompts_;
  Proof proof;
  proof.method = AuthMethod::kKeyboardInteractive;
  if (request.answers.size() != asked) {
    TRY(abort_conversation());
    return fail_attempt(request.kKind, proof, "wrong number of answers", started);
  }
  open_prompts_.reset();
  const PamAnswersRequest answers{std::move(request.answers)};
  const PamReply reply = TRY(from_attendant(
      attendant_pam_answer(channels_.attendant, answers, at_most(limits::kPamRoundMs + 1000))));
  if (reply.outcome == PamOutcome::kPrompts) wait_for_floor(started, limits::kNextQuestionMs);
  return on_pam_reply(request.kKind, proof, reply, started);
}

Status Monitor::on_pam_reply(SessionMessage by, const Proof& proof, const PamReply& reply,
                             Clock::time_point started) {
  text_for_client_ = escaped_lines(*reply.text);
  const std::string reason = why_pam_refused(reply);
  switch (reply.outcome) {
    case PamOutcome::kPrompts: {
      if (proof.method == AuthMethod::kPassword) break;
      if (by == SessionMessage::kInteractiveAuthRequest) {
        attempts_.record(auth_method_name(proof.method), AttemptResult::kPostponed);
      }
      open_prompts_ = reply.prompts.size();
      ipc::AuthReply questions;
      questions.outcome = ipc::AuthOutcome::kPrompts;
      questions.text = take_text_for_client();
      questions.prompts = safe_prompts(reply);
      return channels_.sessiond.send(questions);
    }
    case PamOutcome::kSuccess: {
      if (!account_refusal_.empty()) break;
      account_check_.emplace();
      account_check_->valid = true;
      return on_proven(by, proof, started);
    }
    case PamOutcome::kExpired:
      if (!account_refusal_.empty()) break;
      text_for_client_ =
          "Your password has expired. Log in by keyboard-interactive authentication to change it.";
      break;
    case PamOutcome::kFailed: break;
  }
  return fail_attempt(by, proof, reason, started);
}

BoundedString<limits::kMaxUserMessage> Monitor::take_text_for_client() {
  return truncated<limits::kMaxUserMessage>(std::exchange(text_for_client_, {}));
}

}  // namespace ssh2incus
