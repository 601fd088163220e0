// Authentication requests, passed to the monitor; see authentication.h. Requests are hostile, the
// monitor's replies are trusted.
#include "sessiond/authentication.h"

namespace ssh2incus {
namespace {

AuthVerdict disconnect(std::string text) {
  return {.kind = AuthVerdict::Kind::kDisconnect, .methods = {}, .text = std::move(text)};
}

}  // namespace

AuthVerdict Authentication::judge(std::span<const std::uint8_t> payload) {
  asked_ = false;
  auto request = parse_auth_request(payload);
  if (!request.ok()) return disconnect(request.error().message);
  return or_disconnect(judge_request(std::move(*request)));
}

AuthVerdict Authentication::judge_answers(std::span<const std::uint8_t> payload) {
  if (!asked_) return disconnect("answers that nobody has asked for");
  asked_ = false;
  auto answers = parse_interactive_answers(payload);
  if (!answers.ok()) return disconnect(answers.error().message);
  return or_disconnect(answer(std::move(*answers)));
}

AuthVerdict Authentication::or_disconnect(Result<AuthVerdict> verdict) {
  if (verdict.ok()) return std::move(*verdict);
  AuthVerdict lost = disconnect("the server can't go on");
  lost.monitor_lost = true;
  return lost;
}

Result<AuthVerdict> Authentication::judge_request(AuthRequest request) {
  if (request.service != "ssh-connection") return disconnect("no such service");
  if (!user_) {
    if (auto refusal = TRY(start(request))) return std::move(*refusal);
  } else if (request.user != *user_) {
    return disconnect("the user name must not change");
  }
  if (request.method == "none") {
    return verdict_of(TRY(monitor_.call<ipc::AuthReply>(ipc::NoneAuthRequest{})));
  }
  if (request.password) return by_password(std::move(*request.password));
  if (request.interactive && request.interactive->by_pam) {
    return verdict_of(TRY(monitor_.call<ipc::AuthReply>(ipc::InteractiveAuthRequest{})));
  }
  if (!request.public_key) return refuse(request.method);
  const PublicKeyAuth& key = *request.public_key;
  if (!is_bound_to_us(key)) return refuse(request.method);
  return key.signature ? verify(key) : query(key);
}

Result<std::optional<AuthVerdict>> Authentication::start(const AuthRequest& request) {
  if (request.user.size() > limits::kMaxLoginName) {
    return std::optional(disconnect("the login name is too long"));
  }
  const auto reply =
      TRY(monitor_.call<ipc::AuthStartReply>(ipc::AuthStartRequest{std::string(request.user)}));
  if (reply.refusal) return std::optional(disconnect(**reply.refusal));
  user_ = request.user;
  methods_ = *reply.methods;
  banner_ = *reply.banner;
  return std::optional<AuthVerdict>();
}

bool Authentication::is_bound_to_us(const PublicKeyAuth& key) const {
  if (!key.host_key_blob) return true;
  return host_key_ && *host_key_ < host_keys_.size() &&
         host_keys_[*host_key_] == *key.host_key_blob;
}

Result<AuthVerdict> Authentication::query(const PublicKeyAuth& key) {
  const auto reply = TRY(monitor_.call<ipc::PublicKeyQueryReply>(
      ipc::PublicKeyQueryRequest{key.algorithm, key.key_blob}));
  AuthVerdict verdict;
  verdict.methods = methods_;
  if (reply.acceptable) {
    verdict.kind = AuthVerdict::Kind::kKeyAcceptable;
    verdict.key = key;
  }
  return verdict;
}

Result<AuthVerdict> Authentication::verify(const PublicKeyAuth& key) {
  ipc::PublicKeyVerifyRequest request;
  request.algorithm = key.algorithm;
  request.key_blob = key.key_blob;
  request.signature = *key.signature;
  request.hostbound = key.host_key_blob.has_value();
  request.host_key = host_key_.value_or(0);
  return verdict_of(TRY(monitor_.call<ipc::AuthReply>(request)));
}

// A new password isn't taken here: an expired one is changed by keyboard-interactive.
Result<AuthVerdict> Authentication::by_password(PasswordAuth password) {
  if (password.change) return refuse(kPasswordMethod);
  return verdict_of(
      TRY(monitor_.call<ipc::AuthReply>(ipc::PasswordAuthRequest{std::move(password.password)})));
}

Result<AuthVerdict> Authentication::answer(std::optional<InteractiveAnswers> answers) {
  if (!answers) return refuse(kInteractiveMethod);
  return verdict_of(
      TRY(monitor_.call<ipc::AuthReply>(ipc::InteractiveAnswersRequest{std::move(*answers)})));
}

Result<AuthVerdict> Authentication::refuse(const std::string& method) {
  return verdict_of(
      TRY(monitor_.call<ipc::AuthReply>(ipc::UnsupportedAuthRequest{truncated<64>(method)})));
}

AuthVerdict Authentication::verdict_of(const ipc::AuthReply& reply) {
  if (!reply.methods.empty()) methods_ = *reply.methods;
  AuthVerdict verdict;
  verdict.methods = methods_;
  verdict.text = *reply.text;
  switch (reply.outcome) {
    case ipc::AuthOutcome::kFailure: break;
    case ipc::AuthOutcome::kPartial: verdict.kind = AuthVerdict::Kind::kPartial; break;
    case ipc::AuthOutcome::kSuccess:
      verdict.kind = AuthVerdict::Kind::kSuccess;
      permissions_ = reply.permissions;
      break;
    case ipc::AuthOutcome::kPrompts:
      verdict.kind = AuthVerdict::Kind::kPrompts;
      verdict.prompts = *reply.prompts;
      asked_ = true;
      break;
    case ipc::AuthOutcome::kTooManyFailures: return disconnect("Too many authentication failures");
  }
  return verdict;
}

}  // namespace ssh2incus
