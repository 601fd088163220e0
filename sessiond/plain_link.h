// Plain mode: the sessions of a connection to an instance where no guest can run, each an Incus
// exec that is asked for by way of the monitor. To session channels it looks like the guest's link;
// what plain exec can't do is refused. Used in the poll loop as guest_link.h says.
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/plain_program.h"
#include "sessiond/plain_session.h"
#include "sessiond/session_link.h"

namespace ssh2incus {

class PlainLink : public SessionLink {
 public:
  // To the monitor. Each stream's open once, then ask_status once at most.
  struct Requests {
    std::function<void(std::uint32_t stream, const PlainProgram& program)> open;
    std::function<void(std::uint32_t stream)> ask_status;
  };

  // reason: why no guest runs, a line for the user. most: sessions at once.
  PlainLink(std::string reason, std::size_t most, Requests requests, SessionEvents events);

  // The monitor's answers. Those about streams that are over are ignored.
  void on_started(std::uint32_t stream, std::vector<UniqueFd> sockets);
  void on_failed(std::uint32_t stream, const std::string& text);
  void on_exited(std::uint32_t stream, std::optional<std::uint32_t> status);

  void add_interests(std::vector<pollfd>& interests) const;
  void handle(int fd, short revents);
  void flush();

  // Why something that needs the guest isn't there, for refusals.
  [[nodiscard]] const std::string& reason() const { return reason_; }

  std::uint32_t open_session(const OpenSession& request) override;
  [[nodiscard]] bool is_live(std::uint32_t stream) const override;
  std::size_t send_data(std::uint32_t stream, std::span<const std::uint8_t> data) override;
  void send_eof(std::uint32_t stream) override;
  void send_signal(std::uint32_t stream, std::string_view name) override;
  void send_window_change(std::uint32_t stream, const TerminalSize& size) override;
  void send_close(std::uint32_t stream) override;
  void consumed(std::uint32_t stream, std::size_t bytes) override;

 private:
  struct Stream {
    std::optional<PlainSession> session;  // once it has started
    // Until then.
    bool eof = false;
    std::vector<int> signals;
    std::optional<TerminalSize> size;
    std::optional<std::string> refusal;  // to be told by the next flush()

    bool wants_credit = false;
    std::size_t unconsumed = 0;  // of the data that was told of
    bool status_asked = false;
    bool exited = false;
    std::optional<std::uint32_t> status;
  };

  Stream* find(std::uint32_t stream);
  void deliver(std::uint32_t id, std::span<const std::uint8_t> data, bool is_stderr);
  void say(std::uint32_t id, const std::string& text);
  void look_at_end(std::uint32_t id);
  void tell_refusals();
  void wake_waiting();

  std::string reason_;
  std::size_t most_;
  Requests requests_;
  SessionEvents events_;
  Bytes scratch_;
  std::uint32_t next_stream_ = 1;
  bool reason_told_ = false;
  std::map<std::uint32_t, Stream> streams_;
  std::list<PlainSession> hung_up_;  // whose programs may still run
};

}  // namespace ssh2incus
