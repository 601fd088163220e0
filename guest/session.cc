// See session.h.
#include "guest/session.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/signals.h"
#include "guest/terminal.h"

namespace ssh2incus::guest {
Session::Session(std::uint32_t stream, SessionProcess process, OutputQueue& output)
    : stream_(stream),
      process_(std::move(process)),
      output_(output),
      credit_(stream, output, limits::kGuestWindow) {}

Status Session::take_data(std::span<const std::uint8_t> data) {
  if (input_at_end_) return fail("data after the end of data");
  TRY(credit_.receive(data.size()));
  std::size_t written = 0;
  if (input_dropped_) {
    written = data.size();
  } else if (input_.empty() && !data.empty()) {
    const ssize_t count = write(process_.input.get(), data.data(), data.size());
    if (count > 0) written = static_cast<std::size_t>(count);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
      drop_input();
      written = data.size();
    }
  }
  credit_.give_back(written);
  input_.append(data.subspan(written));
  return {};
}

Status Session::take_eof() {
  if (input_at_end_) return fail("data ended twice");
  input_at_end_ = true;
  write_input();
  return {};
}

void Session::change_window(const TerminalSize& size) const {
  if (has_terminal()) set_window_size(process_.input.get(), size);
}

void Session::signal(int number) const {
  // The child may not have got as far as its own process group.
  if (kill(-process_.pid, number) != 0 && errno == ESRCH && !exited_) kill(process_.pid, number);
}

int Session::input_to_write() const { return input_.empty() ? -1 : process_.input.get(); }

int Session::output_to_read() const {
  if (credit_.to_send() == 0 || eof_sent_) return -1;
  return has_terminal() ? process_.input.get() : process_.output.get();
}

int Session::errors_to_read() const { return credit_.to_send() == 0 ? -1 : process_.errors.get(); }

void Session::write_input() {
  while (!input_.empty()) {
    const auto waiting = input_.front();
    const ssize_t count = write(process_.input.get(), waiting.data(), waiting.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) return drop_input();
    input_.take(static_cast<std::size_t>(count));
    credit_.give_back(static_cast<std::size_t>(count));
  }
  // As with OpenSSH, the end of the client's data means nothing to a terminal.
  if (input_at_end_ && !has_terminal()) process_.input.reset();
}

// The program has closed its stdin: what was meant for it is gone, as in a pipe. The terminal's
// descriptor is needed for reading.
void Session::drop_input() {
  credit_.give_back(input_.size());
  input_.clear();
  input_.release();
  input_dropped_ = true;
  if (!has_terminal()) process_.input.reset();
}

void Session::read_output(std::span<std::uint8_t> scratch) {
  read_from(has_terminal() ? process_.input : process_.output, FrameType::kData, scratch);
}

void Session::read_errors(std::span<std::uint8_t> scratch) {
  read_from(process_.errors, FrameType::kExtendedData, scratch);
}

void Session::read_from(UniqueFd& fd, FrameType type, std::span<std::uint8_t> scratch) {
  const std::size_t room = std::min<std::uint64_t>(scratch.size(), credit_.to_send());
  if (room == 0 || !fd.valid()) return;
  const ssize_t count = read(fd.get(), scratch.data(), room);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count > 0) {
    credit_.spend(static_cast<std::size_t>(count));
    output_.send_frame(type, stream_, scratch.first(static_cast<std::size_t>(count)));
    return;
  }
  // The end; of a terminal, EIO says that no program has it open any more.
  if (has_terminal()) {
    drop_input();
    input_dropped_ = true;
  }
  fd.reset();
  send_eof_if_at_end();
}

void Session::send_eof_if_at_end() {
  const bool open =
      has_terminal() ? process_.input.valid() : process_.output.valid() || process_.errors.valid();
  if (open || eof_sent_) return;
  eof_sent_ = true;
  output_.send_frame(FrameType::kEof, stream_, {});
}

void Session::check_exit() {
  if (exited_) return;
  siginfo_t info{};
  const auto pid = static_cast<id_t>(process_.pid);
  if (waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
  exited_ = true;
  Exited exited;
  if (info.si_code == CLD_EXITED) {
    exited.status = static_cast<std::uint32_t>(info.si_status) & 0xff;
  } else {
    exited.signal = signal_name(info.si_status);
    exited.core_dumped = info.si_code == CLD_DUMPED;
  }
  output_.send_message(FrameType::kExited, stream_, exited);
}

void Session::hang_up() {
  signal(SIGHUP);
  signal(SIGCONT);  // a stopped program would never see it
  process_.input.reset();
  process_.output.reset();
  process_.errors.reset();
}

}  // namespace ssh2incus::guest
