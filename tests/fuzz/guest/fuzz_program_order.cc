// The order that the root helper reads for login's environment, written by whoever the worker is.
#include "common/ipc_codec.h"
#include "guest/program_order.h"
#include "guest/root_rules.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ssh2incus;
  const auto order = ipc::decode_fields<guest::ProgramOrder>({data, size});
  if (!order.ok()) return 0;
  std::vector<std::string> wanted;
  for (const auto& line : order->environment) wanted.push_back(*line);
  GuestGrant grant;
  grant.accepted_environment =
      std::vector<BoundedString<limits::kMaxEnvironmentName>>{std::string("*")};
  for (const auto& line : guest::login_environment(grant, wanted)) {
    if (line.find('\0') != std::string::npos || line.starts_with("LD_")) __builtin_trap();
  }
  return guest::su_environment(wanted).size() > 2 ? -1 : 0;
}
