// See plain_session.h.
#include "sessiond/plain_session.h"

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>

#include "common/plain_program.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxQueuedInput = 256UL * 1024;
constexpr std::size_t kMaxQueuedControl = 4096;  // of a server that doesn't read

}  // namespace

Result<PlainSession> PlainSession::create(std::vector<UniqueFd> sockets) {
  PlainSession session;
  session.terminal_ = sockets.size() == kPlainTerminalSockets;
  if (!session.terminal_ && sockets.size() != kPlainSockets) return fail("wrong number of streams");
  const std::vector<Index> places = session.terminal_
                                        ? std::vector{kStdout, kControl}
                                        : std::vector{kStdin, kStdout, kStderr, kControl};
  for (std::size_t i = 0; i < places.size(); ++i) {
    session.sockets_[places[i]] = TRY(GuestLinkSocket::create(std::move(sockets[i])));
  }
  return session;
}

void PlainSession::add_interests(std::vector<pollfd>& interests, bool read_output) const {
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    const GuestLinkSocket& socket = sockets_[i];
    if (!socket.is_open()) continue;
    const bool is_output = i == kStdout || i == kStderr;
    short events = 0;
    if (!is_output || read_output) events = POLLIN;
    if (socket.queued() > 0) events = static_cast<short>(events | POLLOUT);
    if (events != 0) interests.push_back({socket.fd(), events, 0});
  }
}

bool PlainSession::owns(int fd) const {
  return std::ranges::any_of(
      sockets_, [fd](const auto& socket) { return socket.is_open() && socket.fd() == fd; });
}

PlainSession::Output PlainSession::handle(int fd, short revents, std::span<std::uint8_t> scratch) {
  Output output;
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    if (!sockets_[i].is_open() || sockets_[i].fd() != fd) continue;
    if ((revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) != 0) read(i, scratch, output);
    break;
  }
  flush();
  return output;
}

void PlainSession::read(std::size_t index, std::span<std::uint8_t> scratch, Output& output) {
  WebsocketInput input;
  const auto received = sockets_[index].receive(scratch, input);
  // Broken off, as incusd does with what it hasn't read, or no websocket any more. The other
  // streams may still have something to say.
  if (!received.ok()) return sockets_[index].close();
  if (index == kStdout || index == kStderr) {
    output.data = std::move(input.data);
    output.is_stderr = index == kStderr;
  }
  if (input.end_of_stream || input.closed) sockets_[index].close();
}

bool PlainSession::output_ended() const {
  return !sockets_[kStdout].is_open() && !sockets_[kStderr].is_open();
}

bool PlainSession::takes_input() const { return sockets_[input()].is_open(); }

std::size_t PlainSession::room() const {
  const std::size_t queued = sockets_[input()].queued();
  return queued < kMaxQueuedInput ? kMaxQueuedInput - queued : 0;
}

void PlainSession::send(std::span<const std::uint8_t> data) {
  if (takes_input()) sockets_[input()].queue(data);
}

void PlainSession::send_eof() {
  if (!terminal_ && takes_input()) sockets_[kStdin].queue_end_of_stream();
}

void PlainSession::send_control(std::string_view message) {
  GuestLinkSocket& control = sockets_[kControl];
  if (!control.is_open() || control.queued() > kMaxQueuedControl) return;
  control.queue({reinterpret_cast<const std::uint8_t*>(message.data()), message.size()});
  control.end_message();
}

void PlainSession::send_signal(int number) {
  send_control(R"({"command":"signal","signal":)" + std::to_string(number) + "}");
}

void PlainSession::resize(const TerminalSize& size) {
  if (!terminal_) return;
  if (sockets_[kControl].is_open() && sockets_[kControl].queued() > 0) {
    late_size_ = size;
    return;
  }
  const auto text = [](std::uint32_t value) {
    return std::to_string(std::clamp<std::uint32_t>(value, 1, 0xffff));
  };
  send_control(R"({"command":"window-resize","args":{"width":")" + text(size.columns) +
               R"(","height":")" + text(size.rows) + R"("}})");
}

void PlainSession::flush() {
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    if (!sockets_[i].is_open() || sockets_[i].flush().ok()) continue;
    // A program may end with input unread; its output is read to the end all the same.
    if (i == kStdin || i == kControl) sockets_[i].close();
  }
  if (late_size_ && sockets_[kControl].queued() == 0) {
    resize(*std::exchange(late_size_, std::nullopt));
  }
}

void PlainSession::hang_up() {
  send_signal(SIGHUP);
  send_signal(SIGCONT);  // a stopped program would never see it
  flush();
  for (const Index index : {kStdin, kStdout, kStderr}) sockets_[index].close();
}

}  // namespace ssh2incus
