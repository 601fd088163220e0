// One session channel of the client and the guest's stream behind it: what is asked for before a
// program is started, its bytes both ways, and an end in the order that OpenSSH keeps: data, EOF,
// exit status, close. Fed by the client's channel requests and data, by the guest's
// events (through GuestLink, which has checked them) and by news of the target.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sessiond/channel_pipe.h"
#include "sessiond/monitor_client.h"
#include "sessiond/progress_display.h"
#include "sessiond/ssh_session.h"
#include "sessiond/target.h"

namespace ssh2incus {

class SessionChannel {
 public:
  SessionChannel(SshSession& session, MonitorClient& monitor, Target& target,
                 const ipc::SessionPermissions& permissions, ssh_channel channel);
  ~SessionChannel();
  SessionChannel(const SessionChannel&) = delete;
  SessionChannel& operator=(const SessionChannel&) = delete;

  [[nodiscard]] ssh_channel channel() const { return channel_; }
  [[nodiscard]] std::uint32_t stream() const { return stream_; }
  // libssh has freed it.
  void forget_freed() { channel_ = nullptr; }
  // Nothing is left to do: may be destroyed (not from within a callback).
  [[nodiscard]] bool finished() const { return state_ == State::kFinished; }

  // The client. on_request() says whether the request succeeded.
  bool on_request(std::string_view type, std::span<const std::uint8_t> payload);

  // The target.
  void on_progress(const std::string& text, bool update);
  void on_target_ready();
  void on_target_failed();
  void on_guest_silence(const std::string& text);

  // The guest, for stream().
  void on_open_failed(const std::string& message);
  void on_guest_data(std::span<const std::uint8_t> data, bool is_stderr);
  void on_guest_eof();
  void on_exited(const Exited& exited);
  void on_credit() { pipe_.on_credit(); }

  // Moves what can be moved now.
  void pump();

 private:
  enum class State : std::uint8_t { kSetup, kWaiting, kRunning, kEnding, kFinished };

  static int data_callback(ssh_session, ssh_channel, void* data, std::uint32_t length,
                           int is_stderr, void* self);
  static void eof_callback(ssh_session, ssh_channel, void* self);
  static void close_callback(ssh_session, ssh_channel, void* self);

  bool on_pty(std::span<const std::uint8_t> payload);
  bool on_environment(std::span<const std::uint8_t> payload);
  bool on_window_change(std::span<const std::uint8_t> payload);
  bool on_signal(std::span<const std::uint8_t> payload);
  bool on_agent();
  bool on_x11(std::span<const std::uint8_t> payload);
  bool on_program(std::optional<BoundedString<limits::kMaxCommand>> command);
  bool on_subsystem(std::span<const std::uint8_t> payload);
  bool begin(bool permitted, const char* why_not);
  // The client waits for the target no longer.
  void cancel();

  void start_program();
  void fail_with(const std::string& text, std::uint32_t status);
  void pump_ending();
  void send_exit(const Exited& exited);
  void finish();

  MonitorClient& monitor_;
  Target& target_;
  const ipc::SessionPermissions& permissions_;
  ssh_channel channel_;
  ssh_channel_callbacks_struct callbacks_{};
  State state_ = State::kSetup;
  std::optional<PtyRequest> pty_;
  std::vector<EnvironmentEntry> environment_;
  std::optional<BoundedString<limits::kMaxCommand>> command_;
  bool agent_ = false;
  std::optional<X11Request> x11_;
  bool sftp_ = false;                       // instead of a shell or command
  std::vector<std::string> early_signals_;  // for the program that waits for its target
  std::uint32_t stream_ = 0;

  ChannelPipe pipe_;
  ProgressDisplay progress_;
  bool guest_eof_ = false;
  bool eof_sent_ = false;
  bool exit_sent_ = false;
  std::optional<Exited> exited_;
};

}  // namespace ssh2incus
