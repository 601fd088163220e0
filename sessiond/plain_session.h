// One program of plain mode: Incus's own exec protocol on its websockets. Carries bytes and control
// messages, and knows which streams have ended; what arrives comes from the instance and incusd and
// is as hostile as that. System calls: those of guest_link_socket.h.
#pragma once

#include <poll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/guest_protocol.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "sessiond/guest_link_socket.h"

namespace ssh2incus {

class PlainSession {
 public:
  PlainSession() = default;
  // Sockets in the order of common/plain_program.h.
  static Result<PlainSession> create(std::vector<UniqueFd> sockets);

  [[nodiscard]] bool has_terminal() const { return terminal_; }
  // Leaves out the program's output if read_output is false.
  void add_interests(std::vector<pollfd>& interests, bool read_output) const;
  [[nodiscard]] bool owns(int fd) const;

  struct Output {
    Bytes data;
    bool is_stderr = false;
  };
  // After poll(): sends what waits, reads once. Telling of it is the caller's.
  Output handle(int fd, short revents, std::span<std::uint8_t> scratch);

  // All of the program's output has been handed out.
  [[nodiscard]] bool output_ended() const;
  // Incus has closed the control socket, as it does when the program has ended.
  [[nodiscard]] bool control_ended() const { return !sockets_[kControl].is_open(); }

  // The program still reads; how much more is taken now.
  [[nodiscard]] bool takes_input() const;
  [[nodiscard]] std::size_t room() const;
  void send(std::span<const std::uint8_t> data);
  // The end of the client's data; means nothing to a terminal.
  void send_eof();
  void send_signal(int number);
  void resize(const TerminalSize& size);
  void flush();
  // HUP, and no more data either way; control stays open, since its end kills.
  void hang_up();

 private:
  enum Index : std::size_t { kStdin, kStdout, kStderr, kControl };

  [[nodiscard]] Index input() const { return terminal_ ? kStdout : kStdin; }
  void read(std::size_t index, std::span<std::uint8_t> scratch, Output& output);
  void send_control(std::string_view message);

  std::array<GuestLinkSocket, 4> sockets_;  // a terminal: kStdout and kControl
  bool terminal_ = false;
  std::optional<TerminalSize> late_size_;  // for when control has room
};

}  // namespace ssh2incus
