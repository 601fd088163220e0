// A forwarded connection's life; see forward_channel.h.
#include "sessiond/forward_channel.h"

#include <libssh/server.h>

#include <utility>

#include "common/escape.h"
#include "sessiond/forward_request.h"

namespace ssh2incus {

ForwardChannel::ForwardChannel(SshSession& session, MonitorClient& monitor, Target& target,
                               ssh_channel channel, OpenConnection wish)
    : monitor_(monitor),
      target_(target),
      channel_(channel),
      state_(State::kWaiting),
      wish_(std::move(wish)),
      kind_(ipc::ForwardKind::kLocal),
      where_(text_of(*wish_)),
      pipe_(session, target, channel) {
  set_callbacks();
}

ForwardChannel::ForwardChannel(SshSession& session, MonitorClient& monitor, Target& target,
                               ssh_channel channel, std::uint32_t stream, ipc::ForwardKind kind,
                               std::string where)
    : monitor_(monitor),
      target_(target),
      channel_(channel),
      state_(State::kOffered),
      kind_(kind),
      where_(std::move(where)),
      stream_(stream),
      pipe_(session, target, channel) {
  set_callbacks();
}

ForwardChannel::~ForwardChannel() {
  finish();
  ssh_channel_free(channel_);
}

void ForwardChannel::set_callbacks() {
  callbacks_.userdata = this;
  callbacks_.channel_data_function = data_callback;
  callbacks_.channel_eof_function = eof_callback;
  callbacks_.channel_close_function = close_callback;
  callbacks_.channel_open_response_function = answer_callback;
  ssh_callbacks_init(&callbacks_);
  ssh_set_channel_callbacks(channel_, &callbacks_);
}

int ForwardChannel::data_callback(ssh_session /*session*/, ssh_channel /*channel*/, void* data,
                                  std::uint32_t length, int is_stderr, void* self) {
  if (is_stderr != 0) return static_cast<int>(length);  // no such direction: dropped
  return static_cast<int>(static_cast<ForwardChannel*>(self)->pipe_.take(
      {static_cast<const std::uint8_t*>(data), length}));
}

void ForwardChannel::eof_callback(ssh_session /*session*/, ssh_channel /*channel*/, void* self) {
  static_cast<ForwardChannel*>(self)->pipe_.on_client_eof();
}

void ForwardChannel::close_callback(ssh_session /*session*/, ssh_channel /*channel*/, void* self) {
  auto& channel = *static_cast<ForwardChannel*>(self);
  channel.target_.news = true;
  if (channel.state_ == State::kOpen) {
    channel.state_ = State::kDraining;
  } else {
    channel.finish();
  }
}

void ForwardChannel::answer_callback(ssh_session /*session*/, ssh_channel /*channel*/,
                                     bool is_success, void* self) {
  auto& channel = *static_cast<ForwardChannel*>(self);
  if (channel.state_ != State::kOffered) return;
  if (!is_success || !channel.target_.link) return channel.finish();
  channel.begin();
  channel.target_.link->open_accepted(channel.stream_);
}

void ForwardChannel::offer(const char* type, std::span<const std::uint8_t> payload) {
  if (ssh_channel_open_begin(channel_, type, payload.data(), payload.size()) != SSH_OK) finish();
}

void ForwardChannel::on_target_ready() {
  if (state_ != State::kWaiting) return;
  if (!target_.link) {
    return refuse(OpenFailure::kProhibited, "no forwarding: " + target_.plain->reason());
  }
  state_ = State::kOpening;
  stream_ = target_.link->open_connection(*wish_);
}

void ForwardChannel::on_target_failed() {
  if (state_ == State::kWaiting || state_ == State::kOpening) {
    refuse(OpenFailure::kConnectFailed, target_.failure);
  } else if (state_ == State::kOffered) {
    guest_closed_ = true;  // the client's answer is awaited all the same
  } else {
    on_closed();
  }
}

void ForwardChannel::on_opened() {
  if (state_ != State::kOpening) return;
  if (ssh_channel_open_confirm(channel_) != SSH_OK) return finish();
  begin();
}

void ForwardChannel::begin() {
  state_ = State::kOpen;
  pipe_.carry(stream_);
  told_ = true;
  static_cast<void>(monitor_.notify(
      ipc::ForwardOpenedNotice{stream_, kind_, truncated<limits::kMaxLogText>(where_)}));
}

void ForwardChannel::on_open_failed(const OpenFailed& refusal) {
  refuse(refusal.reason, escaped(*refusal.message));
}

void ForwardChannel::refuse(OpenFailure reason, const std::string& text) {
  if (state_ != State::kWaiting && state_ != State::kOpening) return;
  ssh_channel_open_refuse(channel_, static_cast<std::uint32_t>(reason), text.c_str());
  finish();
}

void ForwardChannel::on_guest_eof() {
  guest_eof_ = true;
  target_.news = true;
}

void ForwardChannel::on_closed() {
  guest_closed_ = true;
  target_.news = true;
}

void ForwardChannel::pump() {
  if (state_ != State::kOpen && state_ != State::kDraining) return;
  pipe_.pump_input();
  if (state_ == State::kOpen) pipe_.pump_output();
  pump_ending();
}

void ForwardChannel::pump_ending() {
  if (state_ == State::kDraining && (guest_closed_ || pipe_.is_input_drained())) return finish();
  if (state_ != State::kOpen || !pipe_.is_delivered()) return;
  if (guest_eof_ || guest_closed_) ssh_channel_send_eof(channel_);  // once; libssh remembers
  if (!guest_closed_) return;
  ssh_channel_close(channel_);
  finish();
}

void ForwardChannel::finish() {
  if (std::exchange(state_, State::kFinished) == State::kFinished) return;
  target_.news = true;
  pipe_.drop_input();
  if (target_.link && target_.link->is_live(stream_)) target_.link->send_close(stream_);
  if (!told_) return;
  static_cast<void>(
      monitor_.notify(ipc::ForwardClosedNotice{stream_, pipe_.bytes_in(), pipe_.bytes_out()}));
}

}  // namespace ssh2incus
