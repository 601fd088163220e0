// A sessiond that sends anything in any order, against a monitor with an attendant that agrees
// to everything it is asked about keys. Packets are length-prefixed (2 bytes) in the input.
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "monitor/monitor.h"

using namespace ssh2incus;

static HostKeys make_keys() {
  char folder[] = "/tmp/monitor_dispatch_fuzz.XXXXXX";
  const std::string path = std::string(mkdtemp(folder)) + "/key";
  const std::string make = "ssh-keygen -q -t ed25519 -N '' -f " + path;
  const std::string remove = "rm -r " + std::string(folder);
  if (std::system(make.c_str()) != 0) std::abort();
  HostKeys keys = HostKeys::load({path}).value();
  if (std::system(remove.c_str()) != 0) std::abort();
  return keys;
}

static void play_attendant(ipc::IpcChannel channel) {
  LookupReply lookup;
  lookup.found = true;
  KeysReply accepted;
  accepted.accepted = AuthorizedLine{};
  for (auto packet = channel.receive(); packet.ok() && *packet; packet = channel.receive()) {
    const auto kind = ipc::kind_of<AttendantMessage>((*packet)->bytes);
    const bool lookup_wanted = kind == AttendantMessage::kLookupRequest;
    if (!lookup_wanted && kind != AttendantMessage::kKeysRequest) return;
    if (!(lookup_wanted ? channel.send(lookup) : channel.send(accepted)).ok()) return;
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ServerConfig config;
  static const HostKeys keys = make_keys();
  static const Log log = Log::to(open("/dev/null", O_WRONLY | O_CLOEXEC));
  auto sessiond = ipc::IpcChannel::pair().value();
  auto attendant = ipc::IpcChannel::pair().value();
  std::thread player(play_attendant, std::move(attendant.first));
  for (std::size_t packets = 0; size >= 2 && packets < 8; ++packets) {
    const std::size_t wanted = (static_cast<std::size_t>(data[0]) << 8U | data[1]) % 2048;
    const std::size_t length = std::min(wanted, size - 2);
    if (length > 0 && !sessiond.first.send_bytes({data + 2, length}).ok()) break;
    data += 2 + length;
    size -= 2 + length;
  }
  shutdown(sessiond.first.fd(), SHUT_WR);
  const ConnectionEnd how =
      Monitor(config, keys, {}, log, {std::move(sessiond.second), std::move(attendant.second), {}})
          .run();
  player.join();
  if (how == ConnectionEnd::kLoggedIn) std::abort();  // nobody can sign without the key
  return 0;
}
