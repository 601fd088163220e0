// Handlers of the attendant's requests. About whom they are is fixed by the lookup; a user that
// doesn't exist is put through the same work and always refused.
#include "monitor/attendant_session.h"

#include "monitor/child_task.h"
#include "monitor/shell_launch.h"
#include "policy/base64.h"

namespace ssh2incus {
namespace {

template <std::size_t Max>
BoundedList<BoundedString<Max>, limits::kMaxGroups> bounded_names(
    const std::vector<std::string>& names) {
  std::vector<BoundedString<Max>> bounded;
  for (const std::string& name : names) {
    if (bounded.size() < limits::kMaxGroups) bounded.emplace_back(name);
  }
  return bounded;
}

LookupReply reply_for(const HostUserRecord& user) {
  LookupReply reply;
  reply.doubt = truncated<kMaxKeyReason>(user.doubt);
  if (!user.found) return reply;
  reply.found = true;
  reply.uid = user.uid;
  reply.gid = user.gid;
  reply.groups = bounded_names<kMaxGroupName>(user.group_names);
  reply.home = user.home;
  reply.shell = user.shell;
  return reply;
}

// A failed lookup is one that finds nothing, and says why.
KeysReply or_reason(Result<KeysReply> reply, const std::string& what) {
  if (reply.ok()) return std::move(reply).value();
  KeysReply failed;
  failed.reasons = std::vector{truncated<kMaxKeyReason>(what + ": " + reply.error().message)};
  return failed;
}

std::vector<BoundedString<kMaxKeyReason>> all_reasons(const KeysReply& first,
                                                      const KeysReply& second) {
  std::vector<BoundedString<kMaxKeyReason>> all;
  for (const KeysReply* reply : {&first, &second}) {
    for (const auto& reason : reply->reasons) {
      if (all.size() < kMaxKeyReasons) all.push_back(reason);
    }
  }
  return all;
}

}  // namespace

Status AttendantSession::check_rule(AttendantMessage kind) {
  for (std::size_t i = 0; i < kAttendantRules.size(); ++i) {
    const AttendantRule& rule = kAttendantRules[i];
    if (rule.request != kind) continue;
    if ((rule.states & in_states(state_)) == 0) return fail("request in the wrong state");
    if (++counts_[i] > rule.most) return fail("request made too often");
    return {};
  }
  return fail("not a request");
}

Status AttendantSession::serve(const ipc::Packet& packet) {
  if (!packet.fds.empty()) return fail("unexpected file descriptors");
  const auto kind = ipc::kind_of<AttendantMessage>(packet.bytes);
  if (!kind) return fail("unknown request");
  TRY(check_rule(*kind));
  switch (*kind) {
    case AttendantMessage::kLookupRequest:
      return on_lookup(TRY(ipc::decode<LookupRequest>(packet.bytes)));
    case AttendantMessage::kKeysRequest:
      return on_keys(TRY(ipc::decode<KeysRequest>(packet.bytes)));
    case AttendantMessage::kAccountRequest:
      TRY(ipc::decode<AccountRequest>(packet.bytes));
      return on_account();
    case AttendantMessage::kGatewayStartRequest:
      return on_gateway_start(TRY(ipc::decode<GatewayStartRequest>(packet.bytes)));
    case AttendantMessage::kPamStartRequest:
      return on_pam_start(TRY(ipc::decode<PamStartRequest>(packet.bytes)));
    case AttendantMessage::kPamAnswersRequest:
      return on_pam_answers(TRY(ipc::decode<PamAnswersRequest>(packet.bytes)));
    case AttendantMessage::kPamAbortRequest:
      TRY(ipc::decode<PamAbortRequest>(packet.bytes));
      return on_pam_abort();
    case AttendantMessage::kShellStartRequest:
      return on_shell_start(TRY(ipc::decode<ShellStartRequest>(packet.bytes)));
    case AttendantMessage::kQuestionsStartRequest:
      return on_questions_start(TRY(ipc::decode<QuestionsStartRequest>(packet.bytes)));
    default: return fail("not a request");
  }
}

Status AttendantSession::on_lookup(const LookupRequest& request) {
  if (!request.user) return fail("lookup of nobody");
  source_address_ = *request.source_address;
  user_ = TRY(look_up_host_user(*request.user));
  state_ = user_->found ? AttendantState::kUserKnown : AttendantState::kUserUnknown;
  return channel_.send(reply_for(*user_));
}

Result<KeysReply> AttendantSession::ask_key_command(const KeyCommand& command,
                                                    const KeysRequest& request) {
  const auto arguments = command.line.expanded(
      {user_->name, user_->home, std::to_string(user_->uid), *request.key_type,
       encode_base64(*request.key_blob), *request.fingerprint});
  if (!command_run_ || command_run_->arguments != arguments) {
    command_run_.emplace(
        CommandRun{arguments, run_key_command(command, arguments, request.command_ms)});
  }
  const std::string text = TRY(command_run_->output);
  return find_key_in_text_as(command.user, *user_, text, command.line.program(), request);
}

// A user that doesn't exist has the command run too, so that it doesn't show by the time.
Status AttendantSession::on_keys(const KeysRequest& request) {
  KeysReply reply =
      or_reason(read_keys_as_user(*user_, config_.key_sources, request), "key reader");
  // A key reader that failed has found nothing out about revoked keys.
  const bool usable = reply.not_revoked || config_.key_sources.revoked_keys.empty();
  if (!reply.accepted && usable && config_.key_command && !request.key_type->empty()) {
    KeysReply second = or_reason(ask_key_command(*config_.key_command, request),
                                 config_.key_command->line.program());
    second.reasons = all_reasons(reply, second);
    second.not_revoked = reply.not_revoked;
    reply = std::move(second);
  }
  if (!user_->found) reply.accepted.reset();
  return channel_.send(reply);
}

Status AttendantSession::on_account() {
  AccountReply reply = TRY(check_account(config_.account, user_->name, source_address_));
  if (!user_->found) reply.valid = false;
  if (reply.valid) state_ = AttendantState::kAccountValid;
  return channel_.send(reply);
}

Status AttendantSession::on_pam_start(PamStartRequest request) {
  pam_.reset();
  request.hopeless = request.hopeless || !user_->found;
  pam_hopeless_ = request.hopeless;
  auto started = PamConversation::start(config_.account, {user_->name, source_address_}, request);
  if (!started.ok()) {
    PamReply failed;
    failed.log_text = truncated<limits::kMaxLogText>("PAM: " + started.error().message);
    return channel_.send(failed);
  }
  pam_.emplace(std::move(*started));
  return pass_on_pam();
}

Status AttendantSession::on_pam_answers(const PamAnswersRequest& request) {
  if (!pam_) return fail("answers without a conversation");
  static_cast<void>(pam_->answer(request));  // if it has ended, it says why itself
  return pass_on_pam();
}

Status AttendantSession::on_pam_abort() {
  pam_.reset();
  return channel_.send(PamReply{});
}

Status AttendantSession::pass_on_pam() {
  PamReply reply = pam_->next();
  if (reply.outcome == PamOutcome::kSuccess && pam_hopeless_) reply.outcome = PamOutcome::kFailed;
  if (reply.outcome != PamOutcome::kPrompts) pam_.reset();
  if (reply.outcome == PamOutcome::kSuccess) state_ = AttendantState::kAccountValid;
  return channel_.send(reply);
}

Status AttendantSession::on_gateway_start(const GatewayStartRequest& request) {
  finished_ = true;
  return answer_with_gateway(*request.remote);
}

Status AttendantSession::on_questions_start(const QuestionsStartRequest& request) {
  if (!config_.instance_authentication) return fail("instances aren't asked about logins");
  return answer_with_gateway(*request.remote);
}

Status AttendantSession::on_shell_start(const ShellStartRequest& request) {
  finished_ = true;
  if (config_.shell_starter < 0) return fail("there is no Incus shell here");
  const auto sockets = launch_shell(kSecondFd, request.grant, limits::kGuestHelloMs);
  if (!sockets.ok()) {
    return channel_.send(
        ShellStartReply{false, truncated<limits::kMaxLogText>(sockets.error().message)});
  }
  const std::array fds = {(*sockets)[0].get(), (*sockets)[1].get(), (*sockets)[2].get(),
                          (*sockets)[3].get()};
  return channel_.send(ShellStartReply{true, {}}, fds);
}

Status AttendantSession::answer_with_gateway(const std::string& remote) {
  const auto identity = config_.gateways.find(remote);
  if (identity == config_.gateways.end()) return fail("a gateway for no remote");
  const auto gateway = launch_gateway(identity->second);
  if (!gateway.ok()) {
    return channel_.send(
        GatewayStartReply{0, truncated<limits::kMaxLogText>(gateway.error().message)});
  }
  const std::array fds = {gateway->channel.fd()};
  return channel_.send(GatewayStartReply{static_cast<std::uint32_t>(gateway->pid), {}}, fds);
}

}  // namespace ssh2incus
