// A session channel's life; see session_channel.h.
#include "sessiond/session_channel.h"

#include <algorithm>
#include <utility>

#include "common/escape.h"
#include "sessiond/channel_request.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxEarlySignals = 16;
constexpr std::uint8_t kInterruptCharacter = 3;    // Ctrl-C
constexpr std::uint32_t kInterruptedStatus = 130;  // as shells tell of SIGINT
constexpr std::uint32_t kUsualColumns = 80;

}  // namespace

SessionChannel::SessionChannel(SshSession& session, MonitorClient& monitor, Target& target,
                               const ipc::SessionPermissions& permissions, ssh_channel channel)
    : monitor_(monitor),
      target_(target),
      permissions_(permissions),
      channel_(channel),
      pipe_(session, target, channel) {
  callbacks_.userdata = this;
  callbacks_.channel_data_function = data_callback;
  callbacks_.channel_eof_function = eof_callback;
  callbacks_.channel_close_function = close_callback;
  ssh_callbacks_init(&callbacks_);
  ssh_set_channel_callbacks(channel_, &callbacks_);
}

SessionChannel::~SessionChannel() {
  finish();
  ssh_channel_free(channel_);
}

int SessionChannel::data_callback(ssh_session /*session*/, ssh_channel /*channel*/, void* data,
                                  std::uint32_t length, int is_stderr, void* self) {
  if (is_stderr != 0) return static_cast<int>(length);  // no such direction: dropped
  auto& channel = *static_cast<SessionChannel*>(self);
  const std::span<const std::uint8_t> bytes(static_cast<const std::uint8_t*>(data), length);
  const bool waits = channel.state_ == State::kWaiting && channel.pty_;
  if (waits && std::ranges::find(bytes, kInterruptCharacter) != bytes.end()) channel.cancel();
  return static_cast<int>(channel.pipe_.take(bytes));
}

void SessionChannel::eof_callback(ssh_session /*session*/, ssh_channel /*channel*/, void* self) {
  static_cast<SessionChannel*>(self)->pipe_.on_client_eof();
}

// OpenSSH's client closes as soon as both sides are at their end, and still takes the exit status
// until we close too: a program whose output has ended is waited for.
void SessionChannel::close_callback(ssh_session /*session*/, ssh_channel /*channel*/, void* self) {
  auto& channel = *static_cast<SessionChannel*>(self);
  if (channel.state_ == State::kRunning && channel.eof_sent_ && !channel.exited_) return;
  channel.finish();
}

bool SessionChannel::on_request(std::string_view type, std::span<const std::uint8_t> payload) {
  target_.news = true;
  if (type == "pty-req") return on_pty(payload);
  if (type == "env") return on_environment(payload);
  if (type == "window-change") return on_window_change(payload);
  if (type == "signal") return on_signal(payload);
  if (type == "shell") return payload.empty() && on_program(std::nullopt);
  if (type == "exec") {
    auto command = parse_command(payload);
    return command && on_program(std::move(command));
  }
  if (type == "subsystem") return on_subsystem(payload);
  if (type == "auth-agent-req@openssh.com") return on_agent();
  if (type == "x11-req") return on_x11(payload);
  return false;  // keepalives want just that
}

bool SessionChannel::on_pty(std::span<const std::uint8_t> payload) {
  if (state_ != State::kSetup || pty_ || !permissions_.pty) return false;
  pty_ = parse_pty_request(payload);
  return pty_.has_value();
}

bool SessionChannel::on_environment(std::span<const std::uint8_t> payload) {
  if (state_ != State::kSetup || environment_.size() >= limits::kMaxEnvironmentEntries) {
    return false;
  }
  auto entry = parse_environment(payload);
  if (!entry) return false;
  environment_.push_back(std::move(*entry));
  return true;
}

bool SessionChannel::on_agent() {
  if (state_ != State::kSetup || !permissions_.agent_forwarding) return false;
  agent_ = true;
  return true;
}

bool SessionChannel::on_x11(std::span<const std::uint8_t> payload) {
  if (state_ != State::kSetup || x11_ || !permissions_.x11_forwarding) return false;
  x11_ = parse_x11_request(payload);
  return x11_.has_value();
}

bool SessionChannel::on_window_change(std::span<const std::uint8_t> payload) {
  const auto size = parse_window_change(payload);
  if (!size || !pty_) return false;
  pty_->size = *size;
  if (state_ == State::kRunning && target_.sessions())
    target_.sessions()->send_window_change(stream_, *size);
  return true;
}

bool SessionChannel::on_signal(std::span<const std::uint8_t> payload) {
  auto name = parse_signal(payload);
  if (name && *name == "INT" && state_ == State::kWaiting) {
    cancel();
    return true;
  }
  if (name && state_ == State::kWaiting && early_signals_.size() < kMaxEarlySignals) {
    early_signals_.push_back(std::move(*name));
    return true;
  }
  if (!name || state_ != State::kRunning || !target_.sessions()) return false;
  target_.sessions()->send_signal(stream_, *name);
  return true;
}

bool SessionChannel::on_program(std::optional<BoundedString<limits::kMaxCommand>> command) {
  if (state_ != State::kSetup) return false;
  command_ = std::move(command);
  if (command_) return begin(permissions_.exec, "commands are not allowed here");
  return begin(permissions_.shell, "shells are not allowed here");
}

// Others than sftp are unknown: the request fails, and the client says so by itself.
bool SessionChannel::on_subsystem(std::span<const std::uint8_t> payload) {
  const auto name = parse_command(payload);
  if (state_ != State::kSetup || !name || **name != "sftp") return false;
  sftp_ = true;
  return begin(permissions_.sftp, "file transfer (sftp) is not allowed here");
}

bool SessionChannel::begin(bool permitted, const char* why_not) {
  state_ = State::kWaiting;
  if (!permitted) {
    fail_with(std::string("ssh2incus: ") + why_not, 255);
    return true;
  }
  switch (target_.state) {
    case Target::State::kOpening:
      if (!target_.progress.empty()) on_progress(target_.progress, false);
      break;
    case Target::State::kReady: on_target_ready(); break;
    case Target::State::kFailed: on_target_failed(); break;
  }
  return true;
}

void SessionChannel::on_progress(const std::string& text, bool update) {
  if (state_ != State::kWaiting) return;
  std::uint32_t columns = 0;
  if (pty_) columns = pty_->size.columns == 0 ? kUsualColumns : pty_->size.columns;
  pipe_.tell(progress_.show("ssh2incus: " + text, update, columns, ProgressDisplay::Clock::now()));
}

void SessionChannel::cancel() {
  fail_with("ssh2incus: cancelled", kInterruptedStatus);
  target_.cancelled = std::chrono::steady_clock::now();
}

void SessionChannel::on_target_ready() {
  if (state_ == State::kWaiting) start_program();
}

void SessionChannel::on_target_failed() {
  if (state_ == State::kWaiting || state_ == State::kRunning) {
    fail_with(target_.failure, target_.exit_status);
  }
}

void SessionChannel::on_guest_silence(const std::string& text) {
  if (state_ == State::kRunning && !eof_sent_) pipe_.say("ssh2incus: " + text);
}

void SessionChannel::start_program() {
  pipe_.tell(progress_.end());
  if (pty_ && !command_ && !target_.welcome.empty()) {
    pipe_.show(target_.welcome);
  }
  OpenSession request;
  request.pty = pty_;
  request.command = command_;
  request.sftp = sftp_;
  request.agent = agent_;
  request.x11 = x11_;
  request.environment = environment_;
  stream_ = target_.sessions()->open_session(request);
  for (const auto& name : std::exchange(early_signals_, {})) {
    target_.sessions()->send_signal(stream_, name);
  }
  state_ = State::kRunning;
  pipe_.carry(stream_);
  ipc::SessionOpenedNotice notice{
      .stream = stream_, .pty = pty_.has_value(), .command = {}, .sftp = sftp_};
  if (command_) notice.command = truncated<limits::kMaxLogText>(**command_);
  static_cast<void>(monitor_.notify(notice));  // a monitor that is gone shows in the event loop
}

void SessionChannel::on_open_failed(const std::string& message) {
  fail_with("ssh2incus: " + escaped(message), 255);
}

void SessionChannel::fail_with(const std::string& text, std::uint32_t status) {
  pipe_.tell(progress_.end());
  pipe_.say(text);
  pipe_.drop_input();
  guest_eof_ = true;
  exited_ = Exited{.status = status, .signal = {}, .core_dumped = false};
  state_ = State::kEnding;
  target_.news = true;
}

void SessionChannel::on_guest_data(std::span<const std::uint8_t> data, bool is_stderr) {
  if (state_ == State::kRunning) pipe_.deliver(data, is_stderr);
}

void SessionChannel::on_guest_eof() {
  guest_eof_ = true;
  target_.news = true;
}

void SessionChannel::on_exited(const Exited& exited) {
  exited_ = exited;
  target_.news = true;
}

void SessionChannel::pump() {
  if (state_ == State::kFinished) return;
  pipe_.pump_input();
  pipe_.pump_output();
  if (pipe_.is_delivered()) pump_ending();
}

void SessionChannel::pump_ending() {
  if (state_ != State::kRunning && state_ != State::kEnding) return;
  if (guest_eof_ && !std::exchange(eof_sent_, true)) ssh_channel_send_eof(channel_);
  if (exited_ && !std::exchange(exit_sent_, true)) send_exit(*exited_);
  if (guest_eof_ && exited_) {
    ssh_channel_close(channel_);
    finish();
  }
}

void SessionChannel::send_exit(const Exited& exited) {
  if (exited.signal.empty()) {
    ssh_channel_request_send_exit_status(channel_, static_cast<int>(exited.status));
  } else {
    ssh_channel_request_send_exit_signal(channel_, exited.signal->c_str(),
                                         exited.core_dumped ? 1 : 0, "", "");
  }
}

void SessionChannel::finish() {
  if (state_ == State::kFinished) return;
  state_ = State::kFinished;
  target_.news = true;
  if (stream_ == 0) return;
  if (target_.sessions() && target_.sessions()->is_live(stream_))
    target_.sessions()->send_close(stream_);
  ipc::SessionClosedNotice notice;
  notice.stream = stream_;
  if (exited_ && exited_->signal.empty()) notice.exit_status = exited_->status;
  if (exited_) notice.exit_signal = *exited_->signal;
  notice.bytes_in = pipe_.bytes_in();
  notice.bytes_out = pipe_.bytes_out();
  static_cast<void>(monitor_.notify(notice));
}

}  // namespace ssh2incus
