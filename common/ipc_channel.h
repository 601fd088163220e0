// IpcChannel: one end of a SOCK_SEQPACKET socketpair that carries one message and its fds at a
// time. Owns the socket. Not thread-safe.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "common/ipc_codec.h"
#include "common/unique_fd.h"

namespace ssh2incus::ipc {

// Wiped when released: it may be a secret.
struct Packet {
  Packet() = default;
  Packet(Packet&&) noexcept = default;
  Packet& operator=(Packet&& other) noexcept {
    bytes.swap(other.bytes);
    fds.swap(other.fds);
    return *this;
  }
  ~Packet() { wipe(bytes); }

  Bytes bytes;
  std::vector<UniqueFd> fds;
};

class IpcChannel {
 public:
  explicit IpcChannel(UniqueFd socket) : socket_(std::move(socket)) {}

  // Two connected ends, both close-on-exec.
  static Result<std::pair<IpcChannel, IpcChannel>> pair();

  // Sends one packet, waiting for room if need be. The peer's disappearance is an error.
  Status send_bytes(std::span<const std::uint8_t> bytes, std::span<const int> fds = {});
  template <Message T>
  Status send(const T& message, std::span<const int> fds = {}) {
    Bytes bytes = encode(message);
    Status sent = send_bytes(bytes, fds);
    if constexpr (CarriesSecret<T>) wipe(bytes);
    return sent;
  }

  // Waits up to timeout_ms (-1: for ever) for one packet. An empty optional: the peer closed.
  // More than limits::kMaxIpcFds fds, a truncated packet and a timeout are errors.
  Result<std::optional<Packet>> receive(int timeout_ms = -1);

  // receive(), with the peer's end and a wrong message as errors too, and exactly fd_count fds.
  template <Message T>
  Result<T> receive_message(int timeout_ms = -1, std::vector<UniqueFd>* fds = nullptr,
                            std::size_t fd_count = 0) {
    std::optional<Packet> packet = TRY(receive(timeout_ms));
    if (!packet) return fail("the other process has gone");
    if (packet->fds.size() != fd_count) return fail("wrong number of file descriptors");
    if (fds != nullptr) *fds = std::move(packet->fds);
    return decode<T>(packet->bytes);
  }

  // How long sending may wait for a peer that doesn't read (-1: for ever); beyond it's an error.
  void limit_sending(int timeout_ms) { send_timeout_ms_ = timeout_ms; }

  [[nodiscard]] int fd() const { return socket_.get(); }
  UniqueFd release() { return std::move(socket_); }

 private:
  UniqueFd socket_;
  int send_timeout_ms_ = -1;
};

}  // namespace ssh2incus::ipc
