// A sessiond that sends anything in any order, against a monitor with an attendant that agrees
// to everything it is asked about keys, and whose PAM asks questions and likes no answer. Packets
// are length-prefixed (2 bytes) in the input.
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

static PamReply pam_answer_to(const Bytes& request) {
  PamReply reply;
  if (ipc::decode<PamStartRequest>(request)->password) return reply;
  reply.outcome = PamOutcome::kPrompts;
  reply.prompts = std::vector<PamPrompt>{{std::string("Code: "), true}, {{}, false}};
  return reply;
}

static void play_attendant(ipc::IpcChannel channel) {
  LookupReply lookup;
  lookup.found = true;
  KeysReply accepted;
  accepted.accepted = AuthorizedLine{};
  for (auto packet = channel.receive(); packet.ok() && *packet; packet = channel.receive()) {
    Status sent;
    switch (ipc::kind_of<AttendantMessage>((*packet)->bytes).value()) {
      case AttendantMessage::kLookupRequest: sent = channel.send(lookup); break;
      case AttendantMessage::kKeysRequest: sent = channel.send(accepted); break;
      case AttendantMessage::kPamStartRequest:
        sent = channel.send(pam_answer_to((*packet)->bytes));
        break;
      case AttendantMessage::kPamAnswersRequest:
      case AttendantMessage::kPamAbortRequest: sent = channel.send(PamReply{}); break;
      default: return;
    }
    if (!sent.ok()) return;
  }
}

static ServerConfig make_config() {
  ServerConfig config;
  config.auth_chains = AuthenticationChains::any_of(
      std::array{AuthMethod::kPublicKey, AuthMethod::kPassword, AuthMethod::kKeyboardInteractive});
  config.password_failure_ms = 1;
  return config;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ServerConfig config = make_config();
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
