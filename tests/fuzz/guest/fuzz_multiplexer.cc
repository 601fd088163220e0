// A hostile sessiond against the whole multiplexer: frames of any kind in any order, in reads that
// end anywhere. Shells and commands are cat(1), which does no harm whatever it is told; there is no
// SFTP, and nothing can be connected to or listened on but two sockets in a directory of its own
// and ports of loopback.
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "common/guest_frames.h"
#include "guest/listener.h"
#include "guest/multiplexer.h"

namespace {

using namespace ssh2incus;
using namespace ssh2incus::guest;

// A directory to work in, removed at the end.
struct World {
  World() {
    std::string name = "/tmp/fuzz-multiplexer-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    folder = name;
    before = open(".", O_PATH | O_CLOEXEC);
    signal(SIGPIPE, SIG_IGN);
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigprocmask(SIG_BLOCK, &wanted, nullptr);
    account = {"fuzz", getuid(), getgid(), folder, "/bin/cat", {getgid()}};
    grant.allow_sftp = false;
    grant.max_sessions = 2;
    grant.accepted_environment =
        std::vector<BoundedString<limits::kMaxEnvironmentName>>{std::string("LC_*")};
    ForwardGrant& forward = grant.forward;
    forward.local = forward.remote = forward.agent = forward.x11 = true;
    forward.max_connections = 8;
    forward.max_listeners = 4;
    forward.permit_open = std::vector<ForwardPattern>{std::string("s"), std::string("localhost:1"),
                                                      std::string("127.0.0.1:1")};
    forward.permit_listen = std::vector<ForwardPattern>{std::string("l"), std::string("x:0")};
  }
  ~World() { std::filesystem::remove_all(folder); }
  [[nodiscard]] static UniqueFd signals() {
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    return UniqueFd(signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  std::string folder;
  int before = -1;  // the fuzzer's own working directory
  Account account;
  GuestGrant grant;
};

// What a read returns: a frame for each type, stream and length (a byte each) of the input, so that
// headers need not be guessed; a length of 255 is followed by bytes that are no frame.
Bytes next_read(std::span<const std::uint8_t>& rest) {
  Bytes bytes;
  for (std::size_t frames = 1U + rest[0] % 4U; frames > 0 && rest.size() > 3; --frames) {
    const auto length = std::min<std::size_t>(rest[2], rest.size() - 3);
    const std::uint32_t stream =
        rest[1] < 0x80 ? rest[1] : kFirstAcceptedStream + (rest[1] & 0x7fU);
    if (rest[2] < 255) {
      const auto header = encode_frame_header(static_cast<FrameType>(rest[0] >> 1), stream, length);
      bytes.insert(bytes.end(), header.begin(), header.end());
    }
    bytes.insert(bytes.end(), rest.begin() + 3,
                 rest.begin() + 3 + static_cast<std::ptrdiff_t>(length));
    rest = rest.subspan(3 + length);
  }
  return bytes;
}

// In the directory, where nothing of what was asked for may be left.
void serve(const World& world, std::span<const std::uint8_t> rest) {
  const auto socket = Listener::on_path("s");  // connections to it wait to be accepted
  std::array<int, 2> ends{};
  if (!socket.ok() || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    std::abort();
  }
  UniqueFd ours(ends[0]);
  while (rest.size() > 3) {
    const Bytes bytes = next_read(rest);
    if (!bytes.empty() && send(ours.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) < 0) break;
  }
  ours.reset();
  Multiplexer multiplexer(world.account, world.grant, UniqueFd(ends[1]),
                          UniqueFd(open("/dev/null", O_WRONLY | O_CLOEXEC)), World::signals());
  static_cast<void>(multiplexer.run().ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world;
  if (chdir(world.folder.c_str()) != 0) std::abort();
  serve(world, {data, size});
  if (std::filesystem::exists("l") || std::filesystem::exists("s")) std::abort();
  if (fchdir(world.before) != 0) std::abort();
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  return 0;
}
