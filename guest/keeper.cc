// See keeper.h.
#include "guest/keeper.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "guest/terminal.h"

namespace ssh2incus::guest {
namespace {

constexpr std::size_t kMaxClients = 32;
constexpr std::size_t kMaxInput = 64UL * 1024;
constexpr int kFarewellMs = 2000;
constexpr int kLastReads = 64;  // of what the shell may have left behind
constexpr std::string_view kSkipped = "\x18\x1b[0m\r\n[ssh2incus: output was skipped]\r\n";

std::string frames_of(std::string_view output) {
  std::string frames;
  while (!output.empty()) {
    const auto piece = output.substr(0, kMaxKeeperPayload);
    frames += encode_keeper_frame(KeeperFrame::kOutput, piece);
    output.remove_prefix(piece.size());
  }
  return frames;
}

}  // namespace

Keeper::Keeper(KeeperDirectory directory, UniqueFd listener, UniqueFd terminal, UniqueFd signals,
               pid_t shell)
    : directory_(std::move(directory)),
      listener_(std::move(listener)),
      terminal_(std::move(terminal)),
      signals_(std::move(signals)),
      shell_(shell) {}

void Keeper::run() {
  while (!shell_ended_ || terminal_.valid()) {
    collect();
    if (poll(polled_.data(), polled_.size(), -1) < 0) continue;
    serve();
  }
  directory_.remove_socket();
  listener_.reset();
  say_farewell();
}

void Keeper::collect() {
  polled_.clear();
  polled_.push_back({signals_.get(), POLLIN, 0});
  polled_.push_back({clients_.size() < kMaxClients ? listener_.get() : -1, POLLIN, 0});
  const int writing = input_.empty() ? 0 : POLLOUT;
  polled_.push_back({terminal_.get(), static_cast<short>(POLLIN | writing), 0});
  for (const Client& client : clients_) {
    const bool waiting =
        !client.unsent.empty() || (client.has_size && client.position < scrollback_.end());
    const int reading = input_.size() < kMaxInput ? POLLIN : 0;
    polled_.push_back(
        {client.socket.get(), static_cast<short>(reading | (waiting ? POLLOUT : 0)), 0});
  }
}

void Keeper::serve() {
  std::size_t index = 3;
  for (Client& client : clients_) {
    const short events = polled_[index++].revents;
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) read_client(client);
    if ((events & POLLOUT) != 0 && !client.gone) write_client(client);
  }
  if ((polled_[2].revents & POLLOUT) != 0) write_terminal();
  if ((polled_[2].revents & (POLLIN | POLLHUP | POLLERR)) != 0) read_terminal();
  if (polled_[1].revents != 0) accept_client();
  if (polled_[0].revents != 0) check_shell();
  std::erase_if(clients_, [](const Client& client) { return client.gone; });
}

void Keeper::accept_client() {
  UniqueFd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid() || !is_own_peer(socket.get())) return;
  clients_.emplace_back();
  clients_.back().socket = std::move(socket);
}

void Keeper::read_client(Client& client) {
  std::array<char, 16384> buffer;
  const ssize_t count = read(client.socket.get(), buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  client.gone = count <= 0;
  std::string_view bytes(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  while (!client.gone) {
    const auto frame = client.decoder.next(bytes);
    if (!frame.ok()) client.gone = true;
    if (!frame.ok() || !*frame) return;
    take(client, **frame);
  }
}

void Keeper::take(Client& client, const KeeperDecoder::Frame& frame) {
  if (frame.kind == KeeperFrame::kInput) {
    input_ += frame.payload;
    write_terminal();
    if (client.has_size) follow(client);
    return;
  }
  const auto size = decode_keeper_size(frame.payload);
  if (frame.kind != KeeperFrame::kSize || !size) {
    client.gone = true;
    return;
  }
  client.size = *size;
  const bool is_new = !std::exchange(client.has_size, true);
  if (is_new) greet(client);
  follow(client);
  // Programs that draw the whole screen do so again.
  pid_t foreground = 0;
  if (is_new && ioctl(terminal_.get(), TIOCGPGRP, &foreground) == 0 && foreground > 1)
    kill(-foreground, SIGWINCH);
}

void Keeper::greet(Client& client) {
  client.position = scrollback_.end();
  if (scrollback_.end() > 0) client.unsent = frames_of(replay_of(scrollback_.all()));
}

// The kernel tells programs only if the size differs.
void Keeper::follow(Client& client) {
  TerminalSize size;
  size.columns = client.size.columns;
  size.rows = client.size.rows;
  set_window_size(terminal_.get(), size);
}

void Keeper::write_client(Client& client) {
  if (client.unsent.empty()) {
    if (client.position < scrollback_.begin()) {
      client.unsent = frames_of(kSkipped) + frames_of(replay_of(scrollback_.all()));
      client.position = scrollback_.end();
    } else {
      const auto output = scrollback_.from(client.position, kMaxKeeperPayload);
      client.position += output.size();
      client.unsent = frames_of(output);
    }
  }
  const ssize_t count = send(client.socket.get(), client.unsent.data(), client.unsent.size(),
                             MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count > 0) client.unsent.erase(0, static_cast<std::size_t>(count));
  if (count < 0 && errno != EAGAIN && errno != EINTR) client.gone = true;
}

void Keeper::read_terminal() {
  std::array<char, 65536> buffer;
  const ssize_t count = read(terminal_.get(), buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    // What runs in the background keeps the terminal open; the session was the shell's.
    if (shell_ended_) terminal_.reset();
    return;
  }
  if (count <= 0) {
    terminal_.reset();
    return;
  }
  scrollback_.append({buffer.data(), static_cast<std::size_t>(count)});
}

void Keeper::write_terminal() {
  const ssize_t count = write(terminal_.get(), input_.data(), input_.size());
  if (count > 0) input_.erase(0, static_cast<std::size_t>(count));
  if (count < 0 && errno != EAGAIN && errno != EINTR) input_.clear();
}

void Keeper::check_shell() {
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof(info)) > 0) {
  }
  if (!shell_ended_ && waitpid(shell_, &shell_status_, WNOHANG) == shell_) shell_ended_ = true;
  for (int rounds = 0; shell_ended_ && terminal_.valid() && rounds < kLastReads; ++rounds)
    read_terminal();
  if (shell_ended_) terminal_.reset();
}

bool Keeper::is_behind(const Client& client) const {
  return !client.unsent.empty() || (client.has_size && client.position < scrollback_.end());
}

void Keeper::say_farewell() {
  const auto end = [this] {
    std::erase_if(clients_, [](const Client& client) { return client.gone; });
    return std::ranges::none_of(clients_,
                                [this](const Client& client) { return is_behind(client); });
  };
  for (int waited = 0; !end() && waited < kFarewellMs; waited += 10) {
    for (Client& client : clients_) {
      if (is_behind(client)) write_client(client);
    }
    if (!end()) poll(nullptr, 0, 10);
  }
  const bool by_signal = WIFSIGNALED(shell_status_);
  const int value = by_signal ? WTERMSIG(shell_status_) : WEXITSTATUS(shell_status_);
  const std::array<char, 2> payload = {static_cast<char>(by_signal ? 1 : 0),
                                       static_cast<char>(value)};
  const auto ended = encode_keeper_frame(KeeperFrame::kEnded, {payload.data(), payload.size()});
  for (const Client& client : clients_) {
    if (is_behind(client)) continue;  // in the middle of a frame, perhaps
    send(client.socket.get(), ended.data(), ended.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
}

}  // namespace ssh2incus::guest
