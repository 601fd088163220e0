// A sessiond that sends anything in any order, against a monitor with an attendant that has agreed
// to everything beforehand. Packets are length-prefixed (2 bytes) in the input.
#include <cstdlib>
#include <optional>

#include "monitor/monitor.h"

using namespace ssh2incus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ServerConfig config;
  static const HostKeys keys = HostKeys::load({std::getenv("FUZZ_HOST_KEY")}).value();
  auto sessiond = ipc::IpcChannel::pair().value();
  auto attendant = ipc::IpcChannel::pair().value();
  LookupReply lookup;
  lookup.found = true;
  KeysReply accepted;
  accepted.accepted = AuthorizedLine{};
  if (!attendant.first.send(lookup).ok() || !attendant.first.send(accepted).ok()) std::abort();
  for (std::size_t packets = 0; size >= 2 && packets < 64; ++packets) {
    const std::size_t length = std::min<std::size_t>((data[0] << 8U | data[1]) % 2048, size - 2);
    if (length > 0 && !sessiond.first.send_bytes({data + 2, length}).ok()) break;
    data += 2 + length;
    size -= 2 + length;
  }
  shutdown(sessiond.first.fd(), SHUT_WR);
  Monitor monitor(config, keys, {}, Log::open(false),
                  {std::move(sessiond.second), std::move(attendant.second), UniqueFd()});
  if (monitor.run() == ConnectionEnd::kLoggedIn) std::abort();  // nobody can sign without the key
  return 0;
}
