// Messages between the monitor and the attendant, and the key reader's answer: what decodes must
// encode to the same bytes.
#include "common/check.h"
#include "monitor/ipc_attendant.h"

namespace {

template <typename T>
void round_trip(std::span<const std::uint8_t> bytes) {
  const auto message = ssh2incus::ipc::decode<T>(bytes);
  if (!message.ok()) return;
  const ssh2incus::Bytes again = ssh2incus::ipc::encode(*message);
  CHECK(std::equal(bytes.begin(), bytes.end(), again.begin(), again.end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ssh2incus;
  const std::span<const std::uint8_t> bytes(data, size);
  round_trip<LookupRequest>(bytes);
  round_trip<LookupReply>(bytes);
  round_trip<KeysRequest>(bytes);
  round_trip<KeysReply>(bytes);
  round_trip<AccountReply>(bytes);
  round_trip<GatewayStartReply>(bytes);
  round_trip<PamStartRequest>(bytes);
  round_trip<PamAnswersRequest>(bytes);
  round_trip<PamReply>(bytes);
  return 0;
}
