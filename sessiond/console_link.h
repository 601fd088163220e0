// Sessions of a login that is a command of ours (common/ipc_console.h): the monitor's text goes to
// the client, and what the client types in answer to a question goes back, a line at a time. With a
// terminal this is its line discipline: echo, erase, Ctrl-C.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/ipc_console.h"
#include "sessiond/session_link.h"

namespace ssh2incus {

class ConsoleLink : public SessionLink {
 public:
  struct Requests {  // to the monitor
    std::function<void(const ipc::ConsoleOpenRequest& request)> open;
    std::function<void(const ipc::ConsoleAnswerRequest& answer)> answer;
  };

  ConsoleLink(Requests requests, SessionEvents events)
      : requests_(std::move(requests)), events_(std::move(events)) {}

  // The monitor's. Those about streams that are over are ignored.
  void on_output(const ipc::ConsoleOutputNotice& output);
  void on_end(const ipc::ConsoleEndNotice& ended);

  // Tells what sessions have asked for and what can't be.
  void flush();

  std::uint32_t open_session(const OpenSession& request) override;
  [[nodiscard]] bool is_live(std::uint32_t stream) const override;
  std::size_t send_data(std::uint32_t stream, std::span<const std::uint8_t> data) override;
  void send_eof(std::uint32_t stream) override;
  void send_signal(std::uint32_t stream, std::string_view name) override;
  void send_window_change(std::uint32_t /*stream*/, const TerminalSize& /*size*/) override {}
  void send_close(std::uint32_t stream) override;
  void consumed(std::uint32_t /*stream*/, std::size_t /*bytes*/) override {}

 private:
  struct Stream {
    bool has_terminal = false;
    bool asked = false;    // a line is wanted
    bool at_end = false;   // of the client's input
    bool refused = false;  // to be told by the next flush()
    std::string line;      // typed so far
    std::string typed_ahead;
  };

  Stream* find(std::uint32_t id);
  void show(std::uint32_t id, std::string_view text, bool is_error);
  void read_line(std::uint32_t id);
  void take(std::uint32_t id, char byte);
  void answer(std::uint32_t id);
  void end(std::uint32_t id, std::uint32_t exit_status);

  Requests requests_;
  SessionEvents events_;
  std::uint32_t next_stream_ = 1;
  std::map<std::uint32_t, Stream> streams_;
};

}  // namespace ssh2incus
