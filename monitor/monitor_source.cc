// Who the client of a load balancer is. sessiond, which may be hostile, says it once, as bounded
// bytes; that anybody may say it at all has been decided by the listener, by the peer's address.
#include "monitor/monitor.h"

namespace ssh2incus {

Status Monitor::on_proxy_header(const ipc::ProxyHeaderRequest& request) {
  deadline_ = login_deadline_;
  SourceRequest source;
  if (!request.source.empty() || !request.destination.empty()) {
    const auto client = IpAddress::of_bytes(*request.source);
    const auto server = IpAddress::of_bytes(*request.destination);
    if (!client || !server) return fail("a PROXY header without an address");
    info_.peer = {client->text(), request.source_port};
    info_.local = {server->text(), request.destination_port};
    source.address = *request.source;
  }
  log_ = log_.with({{"source", to_text(info_.peer)}});
  log_.write(LogLevel::kInfo, "connection_proxied",
             {{"local", to_text(info_.local)},
              {"header", source.address.empty() ? "without addresses" : "with addresses"}});
  const std::string refusal = TRY(ask_listener_about(source));
  if (refusal.empty()) {
    move_to(request.kKind, MonitorState::kKeyExchange);
    return channels_.sessiond.send(ipc::ProxyHeaderReply{});
  }
  move_to(request.kKind, MonitorState::kClosing);
  refused_source_ = true;
  return channels_.sessiond.send(ipc::ProxyHeaderReply{refusal});
}

void Monitor::tell_phase(Phase phase, Clock::time_point since) {
  const auto lasted = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since);
  tell_listener(PhaseNotice{phase, static_cast<std::uint32_t>(lasted.count())});
}

// What the client is told; empty: it is let in. A listener that has ended counts nobody any more.
Result<std::string> Monitor::ask_listener_about(const SourceRequest& source) {
  if (!channels_.listener || !channels_.listener->send(source).ok()) return std::string();
  auto packet = channels_.listener->receive(limits::kListenerAnswerMs);
  if (!packet.ok()) return std::string("The server is busy\r\n");
  if (!*packet) return std::string();
  const auto reply = TRY(ipc::decode<SourceReply>((*packet)->bytes));
  switch (reply.verdict) {
    case SourceVerdict::kAdmitted: return std::string();
    case SourceVerdict::kPenalised: return std::string(kPenalisedText);
    case SourceVerdict::kTooMany: return std::string(kTooManyText);
  }
  return fail("no verdict");
}

}  // namespace ssh2incus
