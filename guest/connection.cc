// See connection.h.
#include "guest/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace ssh2incus::guest {
namespace {

constexpr std::chrono::seconds kLastWrite{60};

bool would_block(int error) { return error == EAGAIN || error == EINTR; }

}  // namespace

Connection::Connection(std::uint32_t stream, OutputQueue& output, Connector connector)
    : stream_(stream),
      output_(output),
      connector_(std::move(connector)),
      credit_(stream, output, limits::kGuestWindow) {}

Connection::Connection(std::uint32_t stream, OutputQueue& output, UniqueFd socket)
    : stream_(stream), output_(output), socket_(std::move(socket)), credit_(stream, output, 0) {}

std::optional<Connector::Clock::time_point> Connection::deadline() const {
  if (over_) return std::nullopt;
  if (given_up_) return given_up_;
  if (!connector_) return std::nullopt;
  return connector_->deadline();
}

void Connection::advance() {
  if (!connector_ || over_) return;
  auto outcome = connector_->advance();
  if (!outcome) return;
  child_ = connector_->child();
  connector_.reset();
  if (const auto* failed = std::get_if<OpenFailed>(&*outcome)) {
    output_.send_message(FrameType::kOpenFailed, stream_, *failed);
    over_ = true;
    return;
  }
  socket_ = std::move(std::get<UniqueFd>(*outcome));
  output_.send_message(FrameType::kOpened, stream_, Opened{});
  write_socket();
}

pid_t Connection::take_child() { return std::exchange(child_, -1); }

void Connection::on_deadline() {
  if (given_up_) {
    over_ = true;
  } else {
    advance();
  }
}

void Connection::give_up() {
  if (given_up_) return;
  given_up_ = Connector::Clock::now() + kLastWrite;
  if (connector_) child_ = connector_->child();
  over_ = connector_ || input_.empty();
  connector_.reset();
  if (over_) socket_.reset();
}

Status Connection::take_data(std::span<const std::uint8_t> data) {
  if (input_at_end_ || given_up_) return fail("data after the end of data");
  TRY(credit_.receive(data.size()));
  if (input_done_) {
    return_credit(data.size());
    return {};
  }
  std::size_t written = 0;
  if (input_.empty() && socket_.valid() && !data.empty()) {
    const ssize_t count = send(socket_.get(), data.data(), data.size(), MSG_NOSIGNAL);
    if (count < 0 && !would_block(errno)) {
      drop_input();
      written = data.size();
    }
    if (count > 0) written = static_cast<std::size_t>(count);
  }
  return_credit(written);
  input_.append(data.subspan(written));
  return {};
}

Status Connection::take_eof() {
  if (input_at_end_) return fail("data ended twice");
  input_at_end_ = true;
  shut_down_if_written();
  return {};
}

short Connection::events(bool may_read) const {
  if (over_) return 0;
  if (connector_) return connector_->events();
  const bool reads = may_read && !eof_sent_ && !given_up_ && credit_.to_send() > 0;
  return static_cast<short>((reads ? POLLIN : 0) | (input_.empty() ? 0 : POLLOUT));
}

void Connection::handle(short revents, std::span<std::uint8_t> scratch) {
  if (connector_) return advance();
  if ((revents & POLLOUT) != 0) write_socket();
  if ((revents & (POLLIN | POLLHUP | POLLERR)) != 0) read_socket(scratch);
}

void Connection::read_socket(std::span<std::uint8_t> scratch) {
  const std::size_t room = std::min<std::uint64_t>(scratch.size(), credit_.to_send());
  if (over_ || eof_sent_ || given_up_ || room == 0) return;
  const ssize_t count = recv(socket_.get(), scratch.data(), room, 0);
  if (count < 0 && would_block(errno)) return;
  if (count > 0) {
    credit_.spend(static_cast<std::size_t>(count));
    output_.send_frame(FrameType::kData, stream_, scratch.first(static_cast<std::size_t>(count)));
    return;
  }
  if (count < 0) return close();  // reset: nothing can be written either
  send_eof();
  close_if_done();
}

void Connection::write_socket() {
  while (!input_.empty() && !over_) {
    const auto waiting = input_.front();
    const ssize_t count = send(socket_.get(), waiting.data(), waiting.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) return drop_input();
    input_.take(static_cast<std::size_t>(count));
    return_credit(static_cast<std::size_t>(count));
  }
  input_.release();
  if (given_up_) {
    over_ = true;
  } else {
    shut_down_if_written();
  }
}

void Connection::shut_down_if_written() {
  if (!input_at_end_ || !input_.empty() || input_done_ || !socket_.valid()) return;
  shutdown(socket_.get(), SHUT_WR);
  input_done_ = true;
  close_if_done();
}

// The other end reads no more: what was meant for it is gone, as on any connection.
void Connection::drop_input() {
  return_credit(input_.size());
  input_.clear();
  input_.release();
  input_done_ = true;
  close_if_done();
}

void Connection::return_credit(std::size_t bytes) {
  if (!given_up_) credit_.give_back(bytes);
}

void Connection::send_eof() {
  if (std::exchange(eof_sent_, true)) return;
  output_.send_frame(FrameType::kEof, stream_, {});
}

void Connection::close_if_done() {
  if (given_up_ && input_.empty()) over_ = true;
  if (eof_sent_ && input_done_) close();
}

void Connection::close() {
  if (std::exchange(over_, true)) return;
  if (!given_up_) output_.send_frame(FrameType::kClosed, stream_, {});
  socket_.reset();
}

}  // namespace ssh2incus::guest
