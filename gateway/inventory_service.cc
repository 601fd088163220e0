// See inventory_service.h.
#include "gateway/inventory_service.h"

#include <iterator>

#include "gateway/sandbox.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kRoomOfAReply = limits::kMaxIpcMessage - 1024;

}  // namespace

Status InventoryService::run(ipc::Packet first) {
  TRY(on_request(first));
  for (;;) {
    const auto packet = TRY(monitor_.receive());
    if (!packet) return {};
    TRY(renew_processor_time());
    TRY(on_request(*packet));
  }
}

Status InventoryService::refuse(const Failure& failure) {
  return monitor_.send(
      ipc::FailedReply{failure.kind, truncated<limits::kMaxUserMessage>(failure.text)});
}

Status InventoryService::on_request(const ipc::Packet& packet) {
  if (!packet.fds.empty()) return fail("unexpected file descriptors");
  const auto kind = ipc::kind_of<ipc::GatewayMessage>(packet.bytes);
  if (kind == ipc::GatewayMessage::kListRequest)
    return on_list(TRY(ipc::decode<ipc::ListRequest>(packet.bytes)));
  if (kind == ipc::GatewayMessage::kExamineRequest) {
    const auto request = TRY(ipc::decode<ipc::ExamineRequest>(packet.bytes));
    auto reply = inventory_.examine(request, Patience(monitor_.fd(), limits::kListMs - 1000));
    return reply.ok() ? monitor_.send(*reply) : refuse(reply.failure());
  }
  if (kind == ipc::GatewayMessage::kDeleteRequest) {
    auto done = inventory_.remove(Patience(monitor_.fd(), limits::kRemoveMs - 1000));
    return done.ok() ? monitor_.send(ipc::DeleteReply{}) : refuse(done.failure());
  }
  return fail("not a request");
}

// As many in a reply as fit.
Status InventoryService::on_list(const ipc::ListRequest& request) {
  auto listed = inventory_.list(request, Patience(monitor_.fd(), limits::kListMs - 1000));
  if (!listed.ok()) return refuse(listed.failure());
  std::vector<ipc::ListedInstance> batch;
  std::size_t size = 0;
  const auto send = [&](bool last) {
    ipc::ListReply reply;
    reply.instances = std::exchange(batch, {});
    reply.last = last;
    size = 0;
    return monitor_.send(reply);
  };
  for (ipc::ListedInstance& instance : *listed) {
    const std::size_t more = ipc::encode_fields(instance).size();
    if (size + more > kRoomOfAReply || batch.size() == 1000) TRY(send(false));
    size += more;
    batch.push_back(std::move(instance));
  }
  return send(true);
}

}  // namespace ssh2incus
