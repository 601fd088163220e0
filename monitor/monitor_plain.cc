// Plain mode: no guest can run in the instance, so the gateway stays and starts each session by an
// Incus exec. What sessiond asks for is passed on within the bounds of plain_sessions.h; whether
// the grant allows it is the gateway's to judge.
#include <algorithm>
#include <array>

#include "common/escape.h"
#include "monitor/monitor.h"

namespace ssh2incus {

Status Monitor::on_plain_gateway(ipc::GatewayMessage kind, const ipc::Packet& packet) {
  switch (kind) {
    case ipc::GatewayMessage::kPlainReply:
      return on_plain_ready(TRY(ipc::decode<ipc::PlainReply>(packet.bytes)));
    case ipc::GatewayMessage::kExecStartedReply:
      return on_exec_started(TRY(ipc::decode<ipc::ExecStartedReply>(packet.bytes)), packet.fds);
    case ipc::GatewayMessage::kExecFailedReply:
      return on_exec_failed(TRY(ipc::decode<ipc::ExecFailedReply>(packet.bytes)));
    case ipc::GatewayMessage::kExecEndedReply:
      return on_exec_ended(TRY(ipc::decode<ipc::ExecEndedReply>(packet.bytes)));
    default: return fail("message of the wrong direction from the gateway");
  }
}

Status Monitor::on_plain_ready(const ipc::PlainReply& reply) {
  if (labels_asked_) return fail("the gateway is ready for what it wasn't asked");
  if (plain_) return fail("the gateway is ready twice");
  const std::uint32_t most = std::min(config_.max_sessions, limits::kMaxPlainSessions);
  plain_.emplace(most);
  const std::string reason = escaped(*reply.reason);
  log_.write(LogLevel::kNotice, "target_ready",
             {{"target", target_text()},
              {"uid", reply.uid},
              {"uuid", *reply.instance_uuid},
              {"mode", "plain"},
              {"reason", *reply.reason}});
  ipc::PlainReadyNotice notice;
  notice.description = truncated<limits::kMaxUserMessage>(target_text());
  notice.reason = truncated<limits::kMaxUserMessage>(reason);
  notice.idle_limit_seconds = static_cast<std::uint32_t>(idle_limit().count());
  notice.max_sessions = most;
  notice.welcome = truncated<limits::kMaxBanner>(welcome());
  return channels_.sessiond.send(notice);
}

Status Monitor::on_plain_open(ipc::PlainOpenRequest request) {
  if (!plain_) return target_failed_ ? Status() : fail("a plain session without plain mode");
  if (!plain_->open(request.stream)) return fail("a plain session that isn't allowed");
  return send_to_plain_gateway(ipc::ExecRequest{request.stream, std::move(request.program)});
}

Status Monitor::on_plain_status(const ipc::PlainStatusRequest& request) {
  if (!plain_) return target_failed_ ? Status() : fail("a plain session without plain mode");
  if (!plain_->ask_status(request.stream)) return fail("a status that isn't there to be asked");
  return send_to_plain_gateway(ipc::ExecStatusRequest{request.stream});
}

template <typename Request>
Status Monitor::send_to_plain_gateway(const Request& request) {
  if (const auto sent = gateway_->send(request); !sent.ok()) {
    return fail_target("the connection to Incus is lost", sent.error().message);
  }
  return {};
}

Status Monitor::on_exec_started(const ipc::ExecStartedReply& reply,
                                const std::vector<UniqueFd>& fds) {
  if (!plain_) return fail("a program without plain mode");
  switch (plain_->started(reply.stream)) {
    case PlainSessions::Answer::kLate: return {};  // its streams are closed here, which ends it
    case PlainSessions::Answer::kUnasked: return fail("a program that wasn't asked for");
    case PlainSessions::Answer::kExpected: break;
  }
  std::array<int, kPlainSockets> raw{};
  std::ranges::transform(fds, raw.begin(), [](const UniqueFd& fd) { return fd.get(); });
  return channels_.sessiond.send(ipc::PlainOpenedNotice{reply.stream},
                                 std::span(raw).first(fds.size()));
}

Status Monitor::on_exec_failed(const ipc::ExecFailedReply& reply) {
  if (!plain_) return fail("a program without plain mode");
  const auto answer = plain_->failed(reply.stream);
  if (answer == PlainSessions::Answer::kUnasked) return fail("a program that wasn't asked for");
  if (answer == PlainSessions::Answer::kLate) return {};
  const std::string text = escaped(*reply.text);
  log_.write(LogLevel::kNotice, "session_failed",
             {{"stream", reply.stream}, {"target", target_text()}, {"reason", *reply.text}});
  return channels_.sessiond.send(
      ipc::PlainFailedNotice{reply.stream, truncated<limits::kMaxUserMessage>(text)});
}

Status Monitor::on_exec_ended(const ipc::ExecEndedReply& reply) {
  if (!plain_) return fail("a program without plain mode");
  const auto answer = plain_->ended(reply.stream);
  if (answer == PlainSessions::Answer::kUnasked) return fail("a status that wasn't asked for");
  if (answer == PlainSessions::Answer::kLate) return {};
  return channels_.sessiond.send(ipc::PlainExitedNotice{reply.stream, reply.status});
}

}  // namespace ssh2incus
