// Handlers of the attendant's requests. About whom they are is fixed by the lookup; a user that
// doesn't exist is put through the same work and always refused.
#include "monitor/attendant_session.h"

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
  if (!user.found) return reply;
  reply.found = true;
  reply.uid = user.uid;
  reply.gid = user.gid;
  reply.groups = bounded_names<kMaxGroupName>(user.group_names);
  reply.home = user.home;
  reply.shell = user.shell;
  return reply;
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
      TRY(ipc::decode<GatewayStartRequest>(packet.bytes));
      return on_gateway_start();
    default: return fail("not a request");
  }
}

Status AttendantSession::on_lookup(const LookupRequest& request) {
  if (!request.user) return fail("lookup of nobody");
  user_ = TRY(look_up_host_user(*request.user));
  state_ = user_->found ? AttendantState::kUserKnown : AttendantState::kUserUnknown;
  return channel_.send(reply_for(*user_));
}

Status AttendantSession::on_keys(const KeysRequest& request) {
  auto reply = read_keys_as_user(*user_, config_.authorized_keys_files, request);
  if (!reply.ok()) {
    KeysReply failed;
    failed.reasons = std::vector{truncated<kMaxKeyReason>("key reader: " + reply.error().message)};
    return channel_.send(failed);
  }
  if (!user_->found) reply->accepted.reset();
  return channel_.send(*reply);
}

Status AttendantSession::on_account() {
  AccountReply reply = TRY(check_account(config_.account, user_->name, config_.source_address));
  if (!user_->found) reply.valid = false;
  if (reply.valid) state_ = AttendantState::kAccountValid;
  return channel_.send(reply);
}

Status AttendantSession::on_gateway_start() {
  finished_ = true;
  const auto gateway = launch_gateway(config_.gateway);
  if (!gateway.ok()) {
    return channel_.send(
        GatewayStartReply{0, truncated<limits::kMaxLogText>(gateway.error().message)});
  }
  const std::array fds = {gateway->channel.fd()};
  return channel_.send(GatewayStartReply{static_cast<std::uint32_t>(gateway->pid), {}}, fds);
}

}  // namespace ssh2incus
