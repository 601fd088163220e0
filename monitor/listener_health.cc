// Asks from time to time whether Incus answers: by a gateway of its own, started for each question,
// for the listener itself never speaks to Incus. What the gateway says is not trusted beyond its
// type.
#include <algorithm>
#include <csignal>

#include "common/escape.h"
#include "common/ipc_gateway.h"
#include "monitor/listener.h"
#include "monitor/remotes.h"

namespace ssh2incus {
namespace {

constexpr std::chrono::seconds kAnswerTime{10};

}  // namespace

// The time of what is due next.
std::optional<SourcePenalties::Time> Listener::health_due() const {
  if (health_check_) return health_check_->end;
  return health_.next_check();
}

void Listener::keep_health() {
  const auto due = health_due();
  if (!due || *due > now()) return;
  if (health_check_) return end_health_check(false, "Incus doesn't answer");
  const std::string remote = config_.remotes ? config_.remotes->remotes.default_name : kLocalRemote;
  const auto identities = gateways_of(config_, setup_.gateway);
  const auto identity = identities.find(remote);
  if (identity == identities.end()) return end_health_check(false, "no such remote: " + remote);
  auto gateway = launch_gateway(identity->second);
  if (!gateway.ok()) return end_health_check(false, gateway.error().message);
  ipc::CheckRequest request;
  request.endpoint = endpoint_of(config_, remote);
  health_check_.emplace(HealthCheck{gateway->pid, std::move(gateway->channel),
                                    now() + std::chrono::milliseconds(kAnswerTime)});
  if (!health_check_->channel.send(request).ok()) end_health_check(false, "the gateway has ended");
}

void Listener::serve_health_check() {
  auto packet = health_check_->channel.receive(0);
  if (!packet.ok() || !*packet) return end_health_check(false, "the gateway has ended");
  const auto reply = ipc::decode<ipc::CheckReply>((*packet)->bytes);
  if (reply.ok()) return end_health_check(reply->reachable, escaped(*reply->text));
  const auto failed = ipc::decode<ipc::FailedReply>((*packet)->bytes);
  end_health_check(false, failed.ok() ? escaped(*failed->text) : "the gateway answered wrongly");
}

void Listener::end_health_check(bool reachable, const std::string& reason) {
  if (health_check_ && health_check_->gateway > 0) kill(health_check_->gateway, SIGKILL);
  health_check_.reset();
  const auto since = health_.outage_since();
  switch (health_.on_result(reachable, reason, now())) {
    case HealthState::Change::kNone: return;
    case HealthState::Change::kLost:
      log_.write(LogLevel::kError, "incus_unreachable",
                 {{"incus_socket", config_.incus_socket}, {"reason", reason}});
      return;
    case HealthState::Change::kBack:
      log_.write(
          LogLevel::kNotice, "incus_reachable",
          {{"incus_socket", config_.incus_socket},
           {"outage_ms", static_cast<std::uint64_t>((now() - since.value_or(now())).count())}});
      return;
  }
}

}  // namespace ssh2incus
