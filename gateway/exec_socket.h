// One of the websockets of an Incus exec, from connecting to incusd's socket until the fd is handed
// over. Reads exactly what it needs: what follows belongs to sessiond.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/unique_fd.h"
#include "gateway/outcome.h"
#include "gateway/patience.h"
#include "gateway/websocket_frames.h"

namespace ssh2incus {

class ExecSocket {
 public:
  // Connects and sends the upgrade request for a path; finish_upgrade() then reads the reply.
  static Outcome<ExecSocket> connect(const std::string& socket_path, std::string_view path,
                                     const Patience& patience);
  Outcome<Done> finish_upgrade(const Patience& patience);

  Outcome<Done> send_frame(Opcode opcode, std::span<const std::uint8_t> payload,
                           const Patience& patience);
  // The next frame that isn't a ping; pings are answered.
  Outcome<WebsocketFrame> receive_frame(const Patience& patience);

  [[nodiscard]] int fd() const { return fd_.get(); }
  UniqueFd release() { return std::move(fd_); }

 private:
  ExecSocket(UniqueFd fd, std::string key) : fd_(std::move(fd)), key_(std::move(key)) {}
  Outcome<Done> send_all(std::span<const std::uint8_t> bytes, const Patience& patience);

  UniqueFd fd_;  // not blocking
  std::string key_;
  FrameReader frames_{64UL * 1024};
};

}  // namespace ssh2incus
