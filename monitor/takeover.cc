// At the start of a server, before it gives its powers up. The peer is root's; what it sends is
// decoded as strictly as anything else.
#include "monitor/takeover.h"

#include <sys/socket.h>

#include <cerrno>

#include "common/limits.h"
#include "monitor/unix_listener.h"

namespace ssh2incus {
namespace {

constexpr int kAnswerMs = 5'000;
constexpr std::size_t kMostSockets = 256;

}  // namespace

std::string control_socket_path(const std::string& run_dir) { return run_dir + "/control"; }

bool is_roots(int socket) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == 0;
}

Result<std::optional<Predecessor>> find_predecessor(const std::string& run_dir) {
  const std::string path = control_socket_path(run_dir);
  if (path.size() > limits::kMaxSocketPath) return fail("--take-over: --run-dir is too long");
  auto connected = connect_unix_socket(path, SOCK_SEQPACKET);
  if (!connected.ok()) {
    if (errno == ENOENT || errno == ECONNREFUSED) return std::optional<Predecessor>();
    return fail("--take-over: " + connected.error().message);
  }
  if (!is_roots(connected->get())) return fail("--take-over: the running server isn't root's");
  Predecessor predecessor{ipc::IpcChannel(std::move(*connected)), {}};
  predecessor.channel.limit_sending(kAnswerMs);
  TRY(predecessor.channel.send(TakeoverRequest{}));
  for (;;) {
    auto packet = TRY(predecessor.channel.receive(kAnswerMs));
    if (!packet) return fail("--take-over: the running server refuses; is it being replaced?");
    const auto kind = ipc::kind_of<TakeoverMessage>(packet->bytes);
    if (kind == TakeoverMessage::kListeningSocketNotice && packet->fds.size() == 1 &&
        predecessor.sockets.size() < kMostSockets) {
      predecessor.sockets.push_back(std::move(packet->fds.front()));
      continue;
    }
    const auto end = TRY(ipc::decode<SocketsEndNotice>(packet->bytes));
    if (end.count != predecessor.sockets.size()) return fail("--take-over: sockets are missing");
    return std::optional<Predecessor>(std::move(predecessor));
  }
}

}  // namespace ssh2incus
