// One of the websockets of an Incus exec, from connecting to incusd until an fd is handed over.
// Reads exactly what it needs: what follows belongs to sessiond.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "common/unique_fd.h"
#include "gateway/byte_stream.h"
#include "gateway/outcome.h"
#include "gateway/patience.h"
#include "gateway/tls_pump.h"
#include "gateway/tls_stream.h"
#include "gateway/websocket_frames.h"

namespace ssh2incus {

using ByteStream = std::variant<LocalStream, TlsStream>;

class ExecSocket {
 public:
  // Sends the upgrade request for a path; finish_upgrade() then reads the reply.
  static Outcome<ExecSocket> begin(ByteStream stream, std::string_view path,
                                   const Patience& patience);
  Outcome<Done> finish_upgrade(const Patience& patience);

  Outcome<Done> send_frame(Opcode opcode, std::span<const std::uint8_t> payload,
                           const Patience& patience);
  // The next frame that isn't a ping; pings are answered.
  Outcome<WebsocketFrame> receive_frame(const Patience& patience);

  // What sessiond gets: the socket, or one that the pump fills and empties.
  Outcome<UniqueFd> release(TlsPump& pump);

 private:
  ExecSocket(ByteStream stream, std::string key)
      : stream_(std::move(stream)), key_(std::move(key)) {}
  [[nodiscard]] int fd() const;
  // A read once there is something; 0 bytes: the end.
  Outcome<std::size_t> receive(std::span<std::uint8_t> bytes, bool peek, const Patience& patience);
  Outcome<Done> send_all(std::span<const std::uint8_t> bytes, const Patience& patience);

  ByteStream stream_;
  std::string key_;
  FrameReader frames_{64UL * 1024};
};

}  // namespace ssh2incus
