// One session channel of the client and the guest's stream behind it: carries bytes both ways
// without ever holding more than the two windows allow, and ends in the order that OpenSSH keeps:
// data, EOF, exit status, close. Fed by the client's channel requests and data, by the guest's
// events (through GuestLink, which has checked them) and by news of the target.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sessiond/guest_link.h"
#include "sessiond/idle_clock.h"
#include "sessiond/monitor_client.h"
#include "sessiond/ssh_session.h"

namespace ssh2incus {

// The guest as all channels of the connection see it.
struct Target {
  enum class State : std::uint8_t { kOpening, kReady, kFailed };
  State state = State::kOpening;
  std::string progress;             // the last line of it
  std::string description;          // when ready: "alice@c1.default"
  std::unique_ptr<GuestLink> link;  // when ready
  std::string welcome;              // above shells on a terminal
  std::string failure;              // when failed: a line for the user
  std::uint32_t exit_status = 255;
  // Something has happened that the next pump() must see, before the loop may wait.
  bool news = false;
  IdleClock idle;
};

class SessionChannel {
 public:
  SessionChannel(SshSession& session, MonitorClient& monitor, Target& target,
                 const ipc::SessionPermissions& permissions, ssh_channel channel);
  ~SessionChannel();
  SessionChannel(const SessionChannel&) = delete;
  SessionChannel& operator=(const SessionChannel&) = delete;

  [[nodiscard]] ssh_channel channel() const { return channel_; }
  [[nodiscard]] std::uint32_t stream() const { return stream_; }
  // Nothing is left to do: may be destroyed (not from within a callback).
  [[nodiscard]] bool finished() const { return state_ == State::kFinished; }

  // The client. on_request() says whether the request succeeded.
  bool on_request(std::string_view type, std::span<const std::uint8_t> payload);

  // The target.
  void on_progress(const std::string& text);
  void on_target_ready();
  void on_target_failed();
  void on_guest_silence(const std::string& text);

  // The guest, for stream().
  void on_open_failed(const std::string& message);
  void on_guest_data(std::span<const std::uint8_t> data, bool is_stderr);
  void on_guest_eof();
  void on_exited(const Exited& exited);
  void on_credit();

  // Moves what can be moved now.
  void pump();

 private:
  enum class State : std::uint8_t { kSetup, kWaiting, kRunning, kEnding, kFinished };
  struct Chunk {
    Bytes data;
    std::size_t written = 0;
    bool is_stderr = false;
    bool from_guest = false;
  };

  static int data_callback(ssh_session, ssh_channel, void* data, std::uint32_t length,
                           int is_stderr, void* self);
  static void eof_callback(ssh_session, ssh_channel, void* self);
  static void close_callback(ssh_session, ssh_channel, void* self);

  bool on_pty(std::span<const std::uint8_t> payload);
  bool on_environment(std::span<const std::uint8_t> payload);
  bool on_window_change(std::span<const std::uint8_t> payload);
  bool on_signal(std::span<const std::uint8_t> payload);
  bool on_program(std::optional<BoundedString<limits::kMaxCommand>> command);
  std::size_t on_client_data(std::span<const std::uint8_t> data);

  void start_program();
  void say(const std::string& text);
  void fail_with(const std::string& text, std::uint32_t status);
  void count_written(std::size_t bytes);
  void pump_input();
  void pump_output();
  void pump_ending();
  void send_exit(const Exited& exited);
  void finish();

  SshSession& session_;
  MonitorClient& monitor_;
  Target& target_;
  const ipc::SessionPermissions& permissions_;
  ssh_channel channel_;
  ssh_channel_callbacks_struct callbacks_{};
  State state_ = State::kSetup;
  std::optional<PtyRequest> pty_;
  std::vector<EnvironmentEntry> environment_;
  std::optional<BoundedString<limits::kMaxCommand>> command_;
  std::vector<std::string> early_signals_;  // for the program that waits for its target
  std::uint32_t stream_ = 0;

  std::size_t unread_ = 0;   // of the client's data, left in libssh's buffer
  bool resume_ = false;      // offer it again
  bool client_eof_ = false;  // to be passed on once unread_ is 0
  std::deque<Chunk> output_;
  bool guest_eof_ = false;
  bool eof_sent_ = false;
  bool exit_sent_ = false;
  std::optional<Exited> exited_;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
};

}  // namespace ssh2incus
