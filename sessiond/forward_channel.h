// One forwarded connection: a channel of the client and the guest's stream behind it. The client
// opens it, and the guest says whether the connection could be made; or the guest has accepted it,
// and the client is asked to take it. Fed by both.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "sessiond/channel_pipe.h"
#include "sessiond/monitor_client.h"
#include "sessiond/ssh_session.h"
#include "sessiond/target.h"

namespace ssh2incus {

class ForwardChannel {
 public:
  // Opened by the client, which waits for an answer.
  ForwardChannel(SshSession& session, MonitorClient& monitor, Target& target, ssh_channel channel,
                 OpenConnection wish);
  // Accepted by the guest; offer() asks the client.
  ForwardChannel(SshSession& session, MonitorClient& monitor, Target& target, ssh_channel channel,
                 std::uint32_t stream, ipc::ForwardKind kind, std::string where);
  ~ForwardChannel();
  ForwardChannel(const ForwardChannel&) = delete;
  ForwardChannel& operator=(const ForwardChannel&) = delete;

  [[nodiscard]] std::uint32_t stream() const { return stream_; }
  // libssh has freed it.
  void forget_freed() { channel_ = nullptr; }
  // Nothing is left to do: may be destroyed (not from within a callback).
  [[nodiscard]] bool finished() const { return state_ == State::kFinished; }

  // type and payload of SSH_MSG_CHANNEL_OPEN (RFC 4254 §7.2).
  void offer(const char* type, std::span<const std::uint8_t> payload);

  // The target.
  void on_target_ready();
  void on_target_failed();

  // The guest, for stream().
  void on_opened();
  void on_open_failed(const OpenFailed& refusal);
  void on_guest_data(std::span<const std::uint8_t> data) { pipe_.deliver(data, false); }
  void on_guest_eof();
  void on_closed();
  void on_credit() { pipe_.on_credit(); }

  // Moves what can be moved now.
  void pump();

 private:
  // kDraining: the client is gone, what it has sent isn't yet.
  enum class State : std::uint8_t { kWaiting, kOpening, kOffered, kOpen, kDraining, kFinished };

  static int data_callback(ssh_session, ssh_channel, void* data, std::uint32_t length,
                           int is_stderr, void* self);
  static void eof_callback(ssh_session, ssh_channel, void* self);
  static void close_callback(ssh_session, ssh_channel, void* self);
  static void answer_callback(ssh_session, ssh_channel, bool is_success, void* self);

  void set_callbacks();
  void begin();
  void refuse(OpenFailure reason, const std::string& text);
  void pump_ending();
  void finish();

  MonitorClient& monitor_;
  Target& target_;
  ssh_channel channel_;
  ssh_channel_callbacks_struct callbacks_{};
  State state_;
  std::optional<OpenConnection> wish_;
  ipc::ForwardKind kind_;
  std::string where_;
  std::uint32_t stream_ = 0;
  ChannelPipe pipe_;
  bool guest_eof_ = false;
  bool guest_closed_ = false;
  bool told_ = false;  // the monitor
};

}  // namespace ssh2incus
