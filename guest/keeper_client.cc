// See keeper_client.h.
#include "guest/keeper_client.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "guest/child_setup.h"
#include "guest/keeper_directory.h"
#include "guest/keeper_frames.h"
#include "guest/keeper_start.h"
#include "guest/scrollback.h"

namespace ssh2incus::guest {
namespace {

constexpr char kPrefix = '\x1e';  // Ctrl-^
constexpr int kLostStatus = 255;

// Keys go to the session's terminal as they are; ours comes back as it was.
class RawTerminal {
 public:
  RawTerminal() {
    known_ = tcgetattr(STDIN_FILENO, &before_) == 0;
    termios raw = before_;
    cfmakeraw(&raw);
    if (known_) tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() {
    if (known_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }

 private:
  termios before_{};
  bool known_ = false;
};

KeeperSize own_size() {
  winsize window{};
  if (ioctl(STDIN_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0) return {};
  return {window.ws_col, window.ws_row};
}

void show(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(STDOUT_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

class Attachment {
 public:
  Attachment(UniqueFd socket, UniqueFd signals)
      : socket_(std::move(socket)), signals_(std::move(signals)) {
    unsent_ = encode_keeper_size(own_size());
  }

  // The status to exit with.
  int run() {
    while (!status_) {
      std::array<pollfd, 3> waiting = {
          {{signals_.get(), POLLIN, 0},
           {unsent_.empty() ? STDIN_FILENO : -1, POLLIN, 0},
           {socket_.get(), static_cast<short>(POLLIN | (unsent_.empty() ? 0 : POLLOUT)), 0}}};
      if (poll(waiting.data(), waiting.size(), -1) < 0) continue;
      if (waiting[0].revents != 0) take_signals();
      if (waiting[1].revents != 0) take_keys();
      if ((waiting[2].revents & POLLOUT) != 0) send_on();
      if ((waiting[2].revents & (POLLIN | POLLHUP | POLLERR)) != 0) take_frames();
    }
    return *status_;
  }

 private:
  void take_signals() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
      if (info.ssi_signo == SIGWINCH) {
        unsent_ += encode_keeper_size(own_size());
      } else {
        status_ = 128 + static_cast<int>(info.ssi_signo);  // the connection has ended
      }
    }
  }

  void take_keys() {
    std::array<char, kMaxKeeperPayload / 2> buffer;
    const ssize_t count = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (count <= 0) {
      status_ = 0;
      return;
    }
    std::string keys;
    const bool detached = key_.take({buffer.data(), static_cast<std::size_t>(count)}, keys);
    if (!keys.empty()) unsent_ += encode_keeper_frame(KeeperFrame::kInput, keys);
    send_on();
    if (!detached) return;
    show(terminal_reset());
    show("\r\n[ssh2incus: detached; the session goes on]\r\n");
    status_ = 0;
  }

  void send_on() {
    if (unsent_.empty()) return;
    const ssize_t count = write(socket_.get(), unsent_.data(), unsent_.size());
    if (count > 0) unsent_.erase(0, static_cast<std::size_t>(count));
    if (count < 0 && errno != EAGAIN && errno != EINTR) unsent_.clear();
  }

  void take_frames() {
    std::array<char, 32768> buffer;
    const ssize_t count = read(socket_.get(), buffer.data(), buffer.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    std::string_view bytes(buffer.data(), static_cast<std::size_t>(count > 0 ? count : 0));
    if (count <= 0) return lose("the session has been lost");
    while (!status_) {
      const auto frame = decoder_.next(bytes);
      if (!frame.ok()) return lose("the session speaks something else");
      if (!*frame) return;
      if ((*frame)->kind == KeeperFrame::kOutput) show((*frame)->payload);
      if ((*frame)->kind == KeeperFrame::kEnded) end_with((*frame)->payload);
    }
  }

  void end_with(const std::string& payload) {
    const bool complete = payload.size() == 2;
    const int value = complete ? static_cast<unsigned char>(payload[1]) : kLostStatus;
    status_ = complete && payload[0] != 0 ? 128 + value : value;
  }

  void lose(const char* reason) {
    show(terminal_reset());
    show("\r\nssh2incus: " + std::string(reason) + "\r\n");
    status_ = kLostStatus;
  }

  UniqueFd socket_;
  UniqueFd signals_;
  KeeperDecoder decoder_;
  DetachKey key_;
  std::string unsent_;
  std::optional<int> status_;
};

Result<UniqueFd> take_signals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGWINCH, SIGHUP, SIGTERM}) sigaddset(&set, number);
  UniqueFd signals(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.valid() || sigprocmask(SIG_BLOCK, &set, nullptr) != 0)
    return system_error("signalfd");
  return signals;
}

Result<UniqueFd> find_session(const std::string& shell) {
  const char* home = getenv("HOME");
  const KeeperDirectory directory = TRY(KeeperDirectory::open(home != nullptr ? home : ""));
  UniqueFd lock = TRY(directory.lock());
  UniqueFd socket = TRY(directory.connect());
  if (!socket.valid()) {
    TRY(start_keeper(directory, lock, shell));
    socket = TRY(directory.connect());
  }
  if (!socket.valid()) return fail("the session can't be reached");
  fcntl(socket.get(), F_SETFL, fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
  return socket;
}

}  // namespace

bool DetachKey::take(std::string_view typed, std::string& out) {
  for (const char key : typed) {
    if (std::exchange(held_, false)) {
      if (key == 'd') return true;
      out += kPrefix;
    }
    if (key == kPrefix) {
      held_ = true;
    } else {
      out += key;
    }
  }
  return false;
}

int attach_to_kept_session(const std::string& shell) {
  auto socket = find_session(shell);
  if (!socket.ok()) {
    complain("ssh2incus: " + socket.error().message + "\n");
    return 1;
  }
  auto signals = take_signals();
  if (!signals.ok()) return 1;
  const RawTerminal raw;
  return Attachment(std::move(*socket), std::move(*signals)).run();
}

}  // namespace ssh2incus::guest
