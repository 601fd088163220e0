// One request, one reply; see service.h. The monitor's requests are trusted as far as their types
// and order go; what Incus and instances answer isn't.
#include "gateway/service.h"

#include <array>

#include "common/limits.h"
#include "gateway/endpoint_check.h"
#include "gateway/inventory_service.h"
#include "gateway/plain_service.h"
#include "gateway/resolve_target.h"

namespace ssh2incus {
namespace {

constexpr int kFirstRequestMs = 30'000;
constexpr int kCheckMs = 8'000;
constexpr int kForEver = -1;  // the client types its password; the monitor's end ends the wait

}  // namespace

Status GatewayService::run() {
  int timeout_ms = kFirstRequestMs;
  for (;;) {
    auto packet = TRY(monitor_.receive(timeout_ms));
    if (!packet) return {};
    if (!packet->fds.empty()) return fail("unexpected file descriptors");
    const auto kind = ipc::kind_of<ipc::GatewayMessage>(packet->bytes);
    if (kind == ipc::GatewayMessage::kOpenRequest) {
      return on_open(TRY(ipc::decode<ipc::OpenRequest>(packet->bytes)));
    }
    if (kind == ipc::GatewayMessage::kListRequest || kind == ipc::GatewayMessage::kExamineRequest) {
      return on_inventory(std::move(*packet));
    }
    if (kind == ipc::GatewayMessage::kCheckRequest) {
      return on_check(TRY(ipc::decode<ipc::CheckRequest>(packet->bytes)));
    }
    if (kind == ipc::GatewayMessage::kAuthGrant) {
      auto grant = TRY(ipc::decode<ipc::AuthGrant>(packet->bytes));
      TRY(on_auth_grant(std::move(grant)));
    } else if (kind == ipc::GatewayMessage::kInstanceKeyRequest) {
      const auto request = TRY(ipc::decode<ipc::InstanceKeyRequest>(packet->bytes));
      TRY(on_key(request));
    } else if (kind == ipc::GatewayMessage::kInstancePasswordRequest) {
      const auto request = TRY(ipc::decode<ipc::InstancePasswordRequest>(packet->bytes));
      TRY(on_password(request));
    } else if (kind == ipc::GatewayMessage::kResolveRequest) {
      const auto request = TRY(ipc::decode<ipc::ResolveRequest>(packet->bytes));
      if (!TRY(on_resolve(request))) return {};
    } else {
      return fail("not a request");
    }
    timeout_ms = kForEver;
  }
}

// A little less than the monitor's own patience, so that the reason reaches it.
Patience GatewayService::for_questions() const {
  return {monitor_.fd(), limits::kInstanceAuthMs - 1000};
}

Status GatewayService::on_check(const ipc::CheckRequest& request) {
  if (authentication_) return fail("a check after a grant");
  if (!client_.ok()) return refuse(no_client());
  const auto reachable = [&]() -> Outcome<Done> {
    TRY_OUTCOME(client_->use(request.endpoint));
    return check_endpoint(*client_, Patience(monitor_.fd(), kCheckMs));
  }();
  if (reachable.ok()) return monitor_.send(ipc::CheckReply{true, {}});
  return monitor_.send(
      ipc::CheckReply{false, truncated<limits::kMaxUserMessage>(reachable.failure().text)});
}

Status GatewayService::on_auth_grant(ipc::AuthGrant grant) {
  if (authentication_) return fail("a second grant");
  if (client_.ok()) {
    authentication_.emplace(InstanceAuthentication::create(*client_, std::move(grant)));
  } else {
    authentication_.emplace(client_.error());
  }
  return {};
}

Status GatewayService::on_key(const ipc::InstanceKeyRequest& request) {
  if (!authentication_) return fail("a question without a grant");
  if (authentication_->ok()) {
    return monitor_.send((*authentication_)->find_key(request, for_questions()));
  }
  ipc::InstanceKeyReply reply;
  reply.reasons = std::vector{truncated<512>(authentication_->error().message)};
  return monitor_.send(reply);
}

Status GatewayService::on_password(const ipc::InstancePasswordRequest& request) {
  if (!authentication_) return fail("a question without a grant");
  if (authentication_->ok()) {
    const auto now = static_cast<std::int64_t>(request.now_unix);
    return monitor_.send(
        (*authentication_)->check_password(*request.password, now, for_questions()));
  }
  return monitor_.send(ipc::InstancePasswordReply{
      false, truncated<limits::kMaxLogText>(authentication_->error().message)});
}

Status GatewayService::refuse(const Failure& failure) {
  return monitor_.send(
      ipc::FailedReply{failure.kind, truncated<limits::kMaxUserMessage>(failure.text)});
}

Failure GatewayService::no_client() const {
  return {TargetFailure::kIncusError, "the gateway can't start: " + client_.error().message};
}

bool GatewayService::is_other_target(const auto& request) const {
  return authentication_ && authentication_->ok() && !(*authentication_)->is_about(request);
}

Result<bool> GatewayService::on_resolve(const ipc::ResolveRequest& request) {
  if (is_other_target(request)) return fail("labels of another target than the questions");
  if (!client_.ok()) {
    TRY(refuse(no_client()));
    return false;
  }
  const Patience patience(monitor_.fd(), limits::kIncusRequestMs - 1000);
  auto resolved = resolve_target(*client_, request, patience);
  if (!resolved.ok()) {
    TRY(refuse(resolved.failure()));
    return false;
  }
  TRY(monitor_.send(*resolved));
  return true;
}

Status GatewayService::on_inventory(ipc::Packet request) {
  if (authentication_) return fail("an inventory after questions");
  if (!client_.ok()) return refuse(no_client());
  return InventoryService(monitor_, *client_).run(std::move(request));
}

Status GatewayService::on_open(const ipc::OpenRequest& request) {
  if (is_other_target(request)) return fail("a grant for another target than the questions");
  if (!client_.ok()) return refuse(no_client());
  // If the monitor has gone, the next wait notices.
  const Progress progress = [&](const std::string& text, bool update) {
    static_cast<void>(
        monitor_.send(ipc::GatewayProgress{truncated<limits::kMaxUserMessage>(text), update}));
  };
  const auto creation = [&](ipc::CreationStep step) {
    static_cast<void>(monitor_.send(ipc::CreationNotice{step}));
  };
  const int most_ms = request.create ? limits::kCreateMs : limits::kGatewayOpenMs;
  const Patience patience(monitor_.fd(), most_ms - 1000);
  auto opened = open_target(*client_, request, progress, creation, patience);
  if (!opened.ok()) return refuse(opened.failure());
  if (opened->plain_reason) return stay(request, *opened, patience);
  const GuestStreams& streams = opened->streams;
  const std::array fds = {streams.input.get(), streams.output.get(), streams.errors.get(),
                          streams.control.get()};
  TRY(monitor_.send(ipc::ReadyReply{opened->uid, truncated<64>(opened->instance_uuid)}, fds));
  if (!client_->is_remote()) return {};
  opened->streams = {};
  return carry_streams();
}

// Until they have ended or the monitor has gone, which has nothing more to say.
Status GatewayService::carry_streams() {
  while (!client_->pump().is_empty()) {
    if (TRY(wait_with_pump(monitor_.fd(), client_->pump(), -1)) == PumpWait::kMonitor) break;
  }
  return {};
}

// open_target() has found the names valid.
Status GatewayService::stay(const ipc::OpenRequest& request, const OpenedTarget& opened,
                            const Patience& patience) {
  const Target target{TRY(InstanceName::parse(*request.instance)),
                      TRY(ProjectName::parse(*request.project))};
  auto account = read_instance_account(*client_, target, *request.guest.user, patience);
  if (!account.ok()) {
    Failure failure = account.failure();
    if (failure.kind != TargetFailure::kNoSuchUser) {
      failure.text = *opened.plain_reason + ", and " + failure.text;
    }
    return refuse(failure);
  }
  TRY(monitor_.send(ipc::PlainReply{account->uid, truncated<64>(opened.instance_uuid),
                                    truncated<limits::kMaxUserMessage>(*opened.plain_reason)}));
  PlainExec exec(*client_, target, request.guest, std::move(*account));
  return PlainService(monitor_, std::move(exec)).run();
}

}  // namespace ssh2incus
