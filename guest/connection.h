// One forwarded connection: being made, or a connected socket, with the credit in both directions.
// What sessiond sends is checked by the multiplexer for its form and here for its meaning; what the
// socket's other end sends is only carried.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "common/byte_queue.h"
#include "common/guest_protocol.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "guest/connector.h"
#include "guest/output_queue.h"
#include "guest/stream_credit.h"

namespace ssh2incus::guest {

class Connection {
 public:
  Connection(std::uint32_t stream, OutputQueue& output, Connector connector);
  // Accepted: sessiond gives credit once the client has taken it.
  Connection(std::uint32_t stream, OutputQueue& output, UniqueFd socket);

  // From sessiond. An error: it broke the protocol.
  Status take_data(std::span<const std::uint8_t> data);
  Status take_eof();
  Status add_credit(const WindowAdjust& adjust) { return credit_.grant(adjust); }

  // What to poll for; no events: nothing for now.
  [[nodiscard]] int fd() const { return connector_ ? connector_->fd() : socket_.get(); }
  [[nodiscard]] short events(bool may_read) const;
  [[nodiscard]] std::optional<Connector::Clock::time_point> deadline() const;
  // Works as revents says; scratch is room for what is read.
  void handle(short revents, std::span<std::uint8_t> scratch);
  // Goes on with making it.
  void advance();
  void on_deadline();
  [[nodiscard]] bool needs_lookup() const { return connector_ && connector_->needs_lookup(); }
  [[nodiscard]] bool looks_up() const { return connector_ && connector_->looks_up(); }

  // Sessiond has been told.
  [[nodiscard]] bool is_over() const { return over_; }
  // A child that is no longer needed and to be reaped; -1: none.
  pid_t take_child();
  // Sessiond reads no more and sends no more: what it has sent still goes out, for a while.
  void give_up();

 private:
  void read_socket(std::span<std::uint8_t> scratch);
  void write_socket();
  void shut_down_if_written();
  void drop_input();
  void return_credit(std::size_t bytes);
  void send_eof();
  void close_if_done();
  void close();

  std::uint32_t stream_;
  OutputQueue& output_;
  std::optional<Connector> connector_;
  pid_t child_ = -1;
  UniqueFd socket_;
  ByteQueue input_;  // that the socket has not taken yet
  bool input_at_end_ = false;
  bool input_done_ = false;  // the socket takes no more
  StreamCredit credit_;
  bool eof_sent_ = false;
  std::optional<Connector::Clock::time_point> given_up_;  // and over at that time
  bool over_ = false;
};

}  // namespace ssh2incus::guest
