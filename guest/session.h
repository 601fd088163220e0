// One session: its program, the descriptors to it, and the credit in both directions. What sessiond
// sends is checked by the multiplexer for its form and here for its meaning; the program is the
// user's own and may do as it likes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>

#include "common/byte_queue.h"
#include "common/guest_protocol.h"
#include "common/result.h"
#include "guest/output_queue.h"
#include "guest/session_process.h"
#include "guest/stream_credit.h"

namespace ssh2incus::guest {

class Session {
 public:
  Session(std::uint32_t stream, SessionProcess process, OutputQueue& output);

  // From sessiond. An error: it broke the protocol.
  Status take_data(std::span<const std::uint8_t> data);
  Status take_eof();
  Status add_credit(const WindowAdjust& adjust) { return credit_.grant(adjust); }
  void change_window(const TerminalSize& size) const;
  void signal(int number) const;

  // Descriptors to poll for now; -1 for those that have to wait.
  [[nodiscard]] int input_to_write() const;
  [[nodiscard]] int output_to_read() const;
  [[nodiscard]] int errors_to_read() const;
  void write_input();
  void read_output(std::span<std::uint8_t> scratch);
  void read_errors(std::span<std::uint8_t> scratch);

  // Tells sessiond, once, if the program has ended. It stays a zombie until reap(), so that its
  // process group can't become somebody else's.
  void check_exit();
  [[nodiscard]] bool is_over() const { return eof_sent_ && exited_; }
  [[nodiscard]] bool has_exited() const { return exited_; }
  [[nodiscard]] pid_t pid() const { return process_.pid; }

  // SIGHUP to the process group, and what hangs on our descriptors.
  void hang_up();

 private:
  [[nodiscard]] bool has_terminal() const { return !process_.tty.empty(); }
  void read_from(UniqueFd& fd, FrameType type, std::span<std::uint8_t> scratch);
  void drop_input();
  void send_eof_if_at_end();

  std::uint32_t stream_;
  SessionProcess process_;
  OutputQueue& output_;
  ByteQueue input_;  // that the program has not taken yet
  bool input_at_end_ = false;
  bool input_dropped_ = false;  // the program reads no more
  StreamCredit credit_;
  bool eof_sent_ = false;
  bool exited_ = false;
};

}  // namespace ssh2incus::guest
