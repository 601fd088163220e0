// A sessiond that sends anything in any order, against a monitor with an attendant that has agreed
// to everything beforehand. Packets are length-prefixed (2 bytes) in the input.
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>

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

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ServerConfig config;
  static const HostKeys keys = make_keys();
  static const Log log = Log::to(open("/dev/null", O_WRONLY | O_CLOEXEC));
  auto sessiond = ipc::IpcChannel::pair().value();
  auto attendant = ipc::IpcChannel::pair().value();
  LookupReply lookup;
  lookup.found = true;
  KeysReply accepted;
  accepted.accepted = AuthorizedLine{};
  if (!attendant.first.send(lookup).ok() || !attendant.first.send(accepted).ok()) std::abort();
  for (std::size_t packets = 0; size >= 2 && packets < 8; ++packets) {
    const std::size_t wanted = (static_cast<std::size_t>(data[0]) << 8U | data[1]) % 2048;
    const std::size_t length = std::min(wanted, size - 2);
    if (length > 0 && !sessiond.first.send_bytes({data + 2, length}).ok()) break;
    data += 2 + length;
    size -= 2 + length;
  }
  shutdown(sessiond.first.fd(), SHUT_WR);
  shutdown(attendant.first.fd(), SHUT_WR);
  Monitor monitor(config, keys, {}, log,
                  {std::move(sessiond.second), std::move(attendant.second), {}});
  if (monitor.run() == ConnectionEnd::kLoggedIn) std::abort();  // nobody can sign without the key
  return 0;
}
